/** What a command gets from the process it runs in. */
export interface CommandIo {
  env: Readonly<Record<string, string | undefined>>;
  /** Results. */
  out: NodeJS.WriteStream;
  /** Messages, progress and errors. */
  err: NodeJS.WriteStream;
  /** Aborts at the first SIGINT or SIGTERM. */
  signal: AbortSignal;
}

/** How a command ended, as the process's exit status. */
export type ExitCode = 0 | 1 | 2;
