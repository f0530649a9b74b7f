/** A command's access to its process. */
export interface CommandIo {
  env: Readonly<Record<string, string | undefined>>;
  /** Results. */
  out: NodeJS.WriteStream;
  /** Messages, progress and errors. */
  err: Messages;
  /** Aborts at the first SIGINT, SIGTERM or SIGHUP. */
  signal: AbortSignal;
}

/** Output for messages. Writing never blocks or fails, even if nobody reads. */
export interface Messages {
  /** Whether it is a terminal. */
  readonly isTTY: boolean;
  write(text: string): void;
}

/** Exit status of a command: 0 success, 1 failure, 2 wrong usage or settings, 3 nothing was decided (`add`). */
export type ExitCode = 0 | 1 | 2 | 3;
