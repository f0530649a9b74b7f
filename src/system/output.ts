import { constants, fstatSync, openSync, write } from 'node:fs';
import { isatty } from 'node:tty';

/** Bytes that may wait to be written. */
const LIMIT = 1 << 20;
/** Milliseconds before what could not be written is tried again; doubled each time, up to the second figure. */
const RETRY_MS = [5, 200] as const;

/**
 * Lines for a descriptor that may not take them: a pipe that nobody reads or whose reader has gone, a full disk, a terminal that was
 * stopped or closed. Writing never waits and never fails. What cannot be written waits, up to a limit, and is tried again for as
 * long as it takes; lines beyond the limit are dropped and counted, and where there is room again a line says how many.
 */
export class BoundedOutput {
  /** Whether somebody looks at it on a terminal. */
  readonly isTTY: boolean;
  readonly #fd: number;
  readonly #note: (dropped: number) => string;
  readonly #limit: number;
  #waiting: string[] = [];
  /** What is being written: one write at a time, for each holds a thread of the few there are for files. */
  #batch: Uint8Array | undefined;
  #underWay = false;
  /** Bytes of both. */
  #bytes = 0;
  #failures = 0;
  #dropped = 0;
  #unsaid = 0;
  readonly #whenEmpty = new Set<() => void>();

  /**
   * @param fd of this process, such as 1
   * @param note the line that says that so many lines were dropped
   * @param limit bytes that may wait
   */
  constructor(fd: number, note: (dropped: number) => string, limit = LIMIT) {
    this.isTTY = isatty(fd);
    this.#fd = neverWaiting(fd);
    this.#note = note;
    this.#limit = limit;
  }

  /** Lines dropped so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** @param text one line or several, with the ends of lines */
  write(text: string): void {
    const bytes = Buffer.byteLength(text);
    if (this.#bytes + bytes > this.#limit) {
      this.#dropped++;
      this.#unsaid++;
      return;
    }
    this.#waiting.push(text);
    this.#bytes += bytes;
    this.#advance();
  }

  /**
   * Waits until everything is written, but no longer than `ms`.
   * @returns whether it is
   */
  async flush(ms: number): Promise<boolean> {
    if (this.#bytes === 0) return true;
    return new Promise((resolve) => {
      const end = (all: boolean) => {
        clearTimeout(timer);
        this.#whenEmpty.delete(empty);
        resolve(all);
      };
      const empty = () => end(true);
      const timer = setTimeout(() => end(false), ms);
      this.#whenEmpty.add(empty);
    });
  }

  #advance(): void {
    if (this.#underWay || this.#bytes === 0) return;
    if (!this.#batch) {
      this.#batch = Buffer.from(this.#waiting.join(''));
      this.#waiting = [];
    }
    this.#underWay = true;
    const batch = this.#batch;
    write(this.#fd, batch, (error, written) => {
      if (error) {
        const [least, most] = RETRY_MS;
        setTimeout(() => this.#wrote(batch, 0), Math.min(most, least * 2 ** this.#failures++)).unref();
        return;
      }
      this.#failures = 0;
      this.#wrote(batch, written);
    });
  }

  #wrote(batch: Uint8Array, bytes: number): void {
    this.#underWay = false;
    this.#bytes -= bytes;
    this.#batch = bytes < batch.length ? batch.subarray(bytes) : undefined;
    if (!this.#batch && this.#unsaid > 0) {
      const note = this.#note(this.#unsaid);
      this.#unsaid = 0;
      this.#waiting.push(note);
      this.#bytes += Buffer.byteLength(note);
    }
    this.#advance();
    if (this.#bytes === 0) for (const empty of this.#whenEmpty) empty();
  }
}

/**
 * The same open file as `fd`, through a descriptor of its own on which writes do not wait: one that does would hold a thread, and
 * the end of the process waits for its threads. Sharing `fd`'s own would change how others see it who have it too, the shell among
 * them. Regular files do not wait, and would lose their common position. Where opening anew is not possible, as with a socket or
 * off Linux, it is `fd` itself, which Node has made one that does not wait if it is a socket or pipe and `process.stdout` or `stderr`.
 */
function neverWaiting(fd: number): number {
  try {
    if (fstatSync(fd).isFile()) return fd;
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return fd;
  }
}
