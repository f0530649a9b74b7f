import { MenagerieError } from '../../core/errors.js';
import { inMib } from '../../core/units.js';

/** What the runtime, libvips, V8 and the C++ library say when memory is refused. */
const REFUSED =
  /bad_alloc|failed to allocate|allocation (?:of .* )?failed|out of memory|cannot allocate memory|ENOMEM|Array buffer allocation/i;

/** Whether an error says that memory was refused. */
export function isMemoryRefused(error: unknown): boolean {
  return REFUSED.test(error instanceof Error ? error.message : String(error));
}

/** The bytes that were asked for, where the runtime names them. */
export function bytesAskedFor(error: unknown): number | undefined {
  const [, size] = /requested buffer of size (\d+)/i.exec(String(error)) ?? [];
  return size === undefined ? undefined : Number(size);
}

/**
 * The error for work that needs more memory than a worker may use.
 * @param what that work, at the beginning of a sentence
 * @param needed bytes, undefined where they are not known
 * @param allowed bytes, undefined where they are not known
 */
export function memoryExceeded(what: string, needed?: number, allowed?: number, cause?: unknown): MenagerieError {
  const needs = needed === undefined ? 'needs more memory than there is' : `needs about ${inMib(needed)} MB`;
  const may = allowed === undefined ? '' : `, may use ${inMib(allowed)} MB`;
  return new MenagerieError('memory_exceeded', `${what} ${needs}${may}.`, cause === undefined ? {} : { cause });
}
