import { MenagerieError } from '../errors.js';
import type { TLocalizedValidationError } from '../schema/typebox.js';
import { schemaFaults } from './schema-faults.js';

/** A compiled schema. */
interface Validator<T> {
  Check(value: unknown): value is T;
  Errors(value: unknown): readonly TLocalizedValidationError[];
}

/**
 * Parses a JSON file of a model directory, and checks it against its schema.
 * @param text the JSON text
 * @param file the name of the file in error messages
 * @param patterns error messages for the schema's regular expressions
 * @param crossFieldFaults finds faults that the schema cannot express; called only if the schema holds
 * @throws MenagerieError `invalid_manifest` naming the file, and the field and the rule of every fault
 */
export function parseDescription<T>(
  text: string,
  file: string,
  validator: Validator<T>,
  patterns: Readonly<Record<string, string>>,
  crossFieldFaults: (value: T) => string[],
): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MenagerieError('invalid_manifest', `${file}: not JSON${syntaxErrorPosition(error, text)}`);
  }
  if (!validator.Check(value)) throw invalidManifest(file, schemaFaults(validator.Errors(value), patterns));
  const faults = crossFieldFaults(value);
  if (faults.length > 0) throw invalidManifest(file, faults);
  return value;
}

/**
 * Where `text` is not JSON, if the parser's error says so. The parser's message is not shown, because it quotes the text: the
 * file may be a link to a private one.
 */
function syntaxErrorPosition(error: unknown, text: string): string {
  const message = error instanceof Error ? error.message : '';
  if (/end of JSON input/.test(message)) return ': it ends too early';
  const position = /at position (\d+)/.exec(message)?.[1];
  if (position === undefined) return '';
  const before = text.slice(0, Number(position));
  return ` at line ${before.split('\n').length}, column ${before.length - before.lastIndexOf('\n')}`;
}

function invalidManifest(file: string, faults: readonly string[]): MenagerieError {
  return new MenagerieError('invalid_manifest', `${file}: ${faults.join('; ')}`);
}
