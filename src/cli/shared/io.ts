/** What a command gets from the process it runs in. */
export interface CommandIo {
  env: Readonly<Record<string, string | undefined>>;
  /** Results. */
  out: NodeJS.WriteStream;
  /** Messages, progress and errors. */
  err: Messages;
  /** Aborts at the first SIGINT, SIGTERM or SIGHUP. */
  signal: AbortSignal;
}

/** Where messages go: writing neither waits nor fails, whoever reads them or does not. */
export interface Messages {
  /** Whether somebody looks at a terminal. */
  readonly isTTY: boolean;
  write(text: string): void;
}

/** How a command ended, as the process's exit status. */
export type ExitCode = 0 | 1 | 2;
