import { once } from 'node:events';
import { Interrupted } from '../../system/interrupted.js';

/** A command's access to its process. */
export interface CommandIo {
  env: Readonly<Record<string, string | undefined>>;
  /** What is given to the command to read. */
  input: () => NodeJS.ReadStream;
  /** Results. */
  out: NodeJS.WriteStream;
  /** Messages, progress and errors. */
  err: Messages;
  /** Aborts at the first SIGINT, SIGTERM or SIGHUP, with an Interrupted, and when results cannot be written. */
  signal: AbortSignal;
}

/** Output for messages. Writing never blocks or fails, even if nobody reads. */
export interface Messages {
  /** Whether it is a terminal. */
  readonly isTTY: boolean;
  write(text: string): void;
}

/**
 * Exit status of a command: 0 success, 1 failure, 2 wrong usage or settings, 3 nothing was decided (`add`); beyond 128,
 * interrupted by a signal.
 */
export type ExitCode = 0 | 1 | 2 | 3 | Interrupted['status'];

/** The exit status of a command that was stopped by `signal`. */
export function statusOfStop({ reason }: AbortSignal): ExitCode {
  return reason instanceof Interrupted ? reason.status : 1;
}

/** Writes results, and waits while their reader is slower. Does not wait when the command is stopped. */
export async function writeOut({ out, signal }: CommandIo, text: string): Promise<void> {
  if (out.write(text) || signal.aborted) return;
  await once(out, 'drain', { signal }).catch(() => undefined);
}
