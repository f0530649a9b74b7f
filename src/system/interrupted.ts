/** Exit status of a process that a signal ended, as shells report it: 128 and the signal's number. */
const STATUS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** The reason for stopping early: a signal. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly status: (typeof STATUS)[keyof typeof STATUS];

  constructor(signal: keyof typeof STATUS) {
    super(`interrupted by ${signal}`);
    this.status = STATUS[signal];
  }
}
