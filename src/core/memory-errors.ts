import { MenagerieError } from './errors.js';
import { inMib } from './units.js';

/** Messages of ONNX Runtime, libvips, V8 and the C++ library when an allocation fails. */
const REFUSED =
  /bad_alloc|failed to allocate|allocation (?:of .* )?failed|(?:out of|insufficient) memory|cannot allocate memory|memory allocation error(?!: security limit)|ENOMEM|Array buffer allocation/i;

/** Whether an error, or its text, says that an allocation failed. */
export function isMemoryRefused(error: unknown): boolean {
  return REFUSED.test(error instanceof Error ? error.message : String(error));
}

/** The size of the failed allocation, if ONNX Runtime names it. */
export function bytesAskedFor(error: unknown): number | undefined {
  const [, size] = /requested buffer of size (\d+)/i.exec(String(error)) ?? [];
  return size === undefined ? undefined : Number(size);
}

/**
 * The error for work that needs more memory than a worker may use.
 * @param what the work, as the beginning of a sentence
 * @param needed bytes, if known
 * @param allowed bytes, if known
 */
export function memoryExceeded(what: string, needed?: number, allowed?: number, cause?: unknown): MenagerieError {
  const needs = needed === undefined ? 'needs more memory than there is' : `needs about ${inMib(needed)} MB`;
  const may = allowed === undefined ? '' : `, may use ${inMib(allowed)} MB`;
  return new MenagerieError('memory_exceeded', `${what} ${needs}${may}.`, cause === undefined ? {} : { cause });
}
