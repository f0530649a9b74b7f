import { basename } from 'node:path';
import { MenagerieError } from '../../core/errors.js';

const MAX_REASON = 300;
/** How the runtime names the place in its source: file, line and function, whose parameters end the last parenthesis before the text. */
const PLACE = /^(?:\S*[\\/])?[\w.-]+\.(?:cc|h|cpp):\d+ (?:.*?\) (?=[A-Z]))?/;
/** What a library of CUDA says, between the names of templates and facts about the machine, its name among them. */
const CUDA_FAILURE = /\b(CU[A-Z]+ failure \d+: [^;]*?) ; GPU=/;

/**
 * The reason in an error of ONNX Runtime: one line, without the place in the runtime's source, and without folders.
 * @param file the ONNX file, of which only the name is kept
 */
export function runtimeReason(error: unknown, file: string): string {
  const text = error instanceof Error ? error.message : String(error);
  const [, failure] = CUDA_FAILURE.exec(text) ?? [];
  if (failure !== undefined) return failure.slice(0, MAX_REASON);
  const [line = ''] = text.replaceAll(file, basename(file)).trim().split('\n');
  return line
    .replace(PLACE, '')
    .replace(/(?:[A-Za-z]:)?(?:[\\/][^\\/\s:'"]+)+[\\/]/g, '')
    .slice(0, MAX_REASON);
}

/**
 * The error for a file from which the runtime cannot make a session.
 * @param what begins the message
 */
export function loadFailure(what: string, error: unknown, file: string): MenagerieError {
  const full = error instanceof Error ? error.message : String(error);
  const reason = runtimeReason(error, file);
  const refuse = (code: 'unsupported_opset' | 'unsupported_operator' | 'invalid_network', why: string) =>
    new MenagerieError(code, `${what}: ${why}`, { cause: error });
  if (/opset \d+ is under development|official released onnx opset/i.test(full)) {
    const [, used] = /Opset (\d+) is under development/.exec(full) ?? [];
    const [, known] = /till opset (\d+)/.exec(full) ?? [];
    return refuse(
      'unsupported_opset',
      used && known ? `it uses opset ${used}, and the runtime knows opsets up to ${known}` : reason,
    );
  }
  const operator = /No Op registered|not a registered function\/op|Could not find an implementation|NOT_IMPLEMENTED/i;
  return refuse(operator.test(full) ? 'unsupported_operator' : 'invalid_network', reason);
}
