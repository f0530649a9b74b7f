import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROGRAM = new URL('../main.js', import.meta.url);
/** Characters kept of what it writes to stderr. */
const KEPT_LENGTH = 10_000;
/** Between asking it to end and ending it. */
const GRACE_MS = 10_000;

/** This program once more, as a child process. It ends with this process at the latest: by the channel between them. */
export class ChildProgram {
  /** Resolves when it has ended and all that it wrote was read; never rejects. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  #messages = '';

  /** @param args arguments of `menagerie` @param env its whole environment */
  constructor(args: readonly string[], env: NodeJS.ProcessEnv) {
    this.#child = fork(fileURLToPath(PROGRAM), args, { env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#messages = (this.#messages + text).slice(-KEPT_LENGTH);
    });
    this.#child.on('error', ({ message }) => {
      this.#messages += message;
    });
    this.ended = new Promise((resolve) => {
      this.#child.once('close', () => resolve());
      // It could not be started.
      if (this.#child.pid === undefined) this.#child.once('error', () => resolve());
    });
  }

  /** Undefined if it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The last of what it wrote to stderr. */
  get messages(): string {
    return this.#messages;
  }

  /** Asks it to end, ends it if it does not, and waits until it has ended. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), GRACE_MS);
    await this.ended;
    clearTimeout(timer);
  }
}
