import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { bytesInMemory } from '../../core/byte-source.js';
import { MenagerieError } from '../../core/errors.js';
import { externalFiles } from '../../onnx/file/external-data.js';

/** The weights of a network in memory: the runtime gets the same bytes that were hashed. */
export interface Weights {
  /** The ONNX file. */
  model: Uint8Array<ArrayBuffer>;
  /** The external data files, by the paths that the ONNX file has for them. */
  external: { path: string; data: Uint8Array<ArrayBuffer> }[];
  /** In hex: of the file; with external data, of the hashes and paths of all files. */
  sha256: string;
}

/** Hashes that the weights must have, if known. */
export interface Expected {
  /** SHA-256 of the ONNX file alone, as its manifest states it. */
  fileSha256?: string | undefined;
  /** The same for external data files, by the names that the ONNX file has for them. */
  externalSha256?: Readonly<Record<string, string>> | undefined;
  /** SHA-256 of all weights, as an earlier load found it. */
  sha256?: string | undefined;
}

/** The limit of protocol buffers, and of what ONNX Runtime loads from memory. */
const MAX_FILE_BYTES = 2 ** 31 - 1;
const BYTES_AT_A_TIME = 8 * 1024 * 1024;

/**
 * Reads an ONNX file and its external data, each once, and hashes the bytes.
 * @throws MenagerieError `file_missing`, `io_error` for a file that cannot be read or is not a regular file, `not_onnx`,
 *   `checksum_mismatch`, `invalid_network` for a file that is too large or external data outside the file's folder
 */
export function readWeights(file: string, expected: Expected): Weights {
  const main = readAndHash(file);
  assertStated(main.sha256, expected.fileSha256, file);
  const external: Weights['external'] = [];
  const all = createHash('sha256').update(main.sha256);
  for (const path of externalFiles(bytesInMemory(main.bytes))) {
    const { bytes, sha256 } = readAndHash(inFolder(file, path));
    assertStated(sha256, expected.externalSha256?.[path], path);
    external.push({ path, data: bytes });
    all.update(`\n${sha256} ${path}`);
  }
  const sha256 = external.length === 0 ? main.sha256 : all.digest('hex');
  if (expected.sha256 !== undefined && sha256 !== expected.sha256) {
    throw changed(`its SHA-256 is ${sha256}; what was verified when the model was loaded had ${expected.sha256}`, file);
  }
  return { model: main.bytes, external, sha256 };
}

function assertStated(sha256: string, stated: string | undefined, file: string): void {
  if (stated !== undefined && sha256 !== stated) {
    throw changed(`its SHA-256 is ${sha256}, its manifest states ${stated}`, file);
  }
}

/** The path of an external data file, which must be in the folder of the ONNX file. */
function inFolder(file: string, path: string): string {
  const folder = realpathSync(dirname(file));
  let real: string;
  try {
    real = realpathSync(join(folder, path));
  } catch (error) {
    throw new MenagerieError('file_missing', `External data "${shownPath(path)}" of ${basename(file)} is not there.`, {
      cause: error,
    });
  }
  if (path !== '' && !path.startsWith(sep) && real.startsWith(folder + sep)) return real;
  throw new MenagerieError(
    'invalid_network',
    `External data "${shownPath(path)}" of ${basename(file)} lies outside of its folder.`,
  );
}

function readAndHash(file: string): { bytes: Uint8Array<ArrayBuffer>; sha256: string } {
  let descriptor: number;
  try {
    // Otherwise opening a named pipe would wait for a writer.
    descriptor = openSync(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw missing
      ? new MenagerieError('file_missing', `${basename(file)} is not there.`, { cause: error })
      : unreadable(file, error);
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) throw new MenagerieError('io_error', `${basename(file)} is no regular file.`);
    if (stat.size > MAX_FILE_BYTES) {
      throw new MenagerieError(
        'invalid_network',
        `${basename(file)} has ${stat.size} bytes; a file may have ${MAX_FILE_BYTES}. Larger networks keep their weights in external data.`,
      );
    }
    const bytes = new Uint8Array(stat.size);
    const hash = createHash('sha256');
    let length = 0;
    for (let n = -1; n !== 0 && length < bytes.length; length += n) {
      n = readSync(descriptor, bytes, length, Math.min(BYTES_AT_A_TIME, bytes.length - length), length);
      hash.update(bytes.subarray(length, length + n));
    }
    return { bytes: length === bytes.length ? bytes : bytes.slice(0, length), sha256: hash.digest('hex') };
  } catch (error) {
    throw error instanceof MenagerieError ? error : unreadable(file, error);
  } finally {
    closeSync(descriptor);
  }
}

function unreadable(file: string, error: unknown): MenagerieError {
  return new MenagerieError('io_error', `${basename(file)} cannot be read.`, { cause: error });
}

function changed(what: string, file: string): MenagerieError {
  return new MenagerieError('checksum_mismatch', `${basename(file)}: ${what}`);
}

function shownPath(path: string): string {
  return path.slice(0, 100).replace(/[^\x20-\x7e]/g, '?');
}
