import { MenagerieError } from '../core/errors.js';

/** The `code` of a system error such as `ENOENT`, if `error` is one. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

const WORDS: Record<string, string> = {
  ENOENT: 'it is not there',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the disk is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would be larger than allowed',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is not a folder',
  ENAMETOOLONG: 'its path is longer than the system allows',
  ELOOP: 'its links lead in a circle',
  ENXIO: 'it is a socket, or a device that is not there',
  EPIPE: 'its reader is gone',
  EMFILE: 'too many files are open (ulimit -n)',
  ENFILE: 'too many files are open on this machine',
  EIO: 'the disk reports an error',
};

/** The reason for a system error in plain words, without its path; the message of any other error. */
export function reasonOf(error: unknown): string {
  const code = systemCode(error);
  const known = code && WORDS[code];
  if (known) return known;
  if (isSystemError(error)) return error.message.split(`, ${error.syscall}`)[0] ?? error.message;
  return error instanceof Error ? error.message : String(error);
}

/** An `io_error` in plain words. @param failure what failed, such as `cannot write models/a/a.onnx` */
export function ioError(failure: string, error: unknown): MenagerieError {
  return new MenagerieError('io_error', `${failure}: ${reasonOf(error)}`, { cause: error });
}

/** Whether an error comes from a system call such as `open`, so that it is not a fault of the program. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && systemCode(error) !== undefined;
}
