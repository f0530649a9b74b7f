import { constants, fstatSync, openSync, write } from 'node:fs';
import { isatty } from 'node:tty';

/** Most bytes that may wait to be written. */
const LIMIT = 1 << 20;
/** Milliseconds before a failed write is repeated: at first, doubled each time, and at most. */
const RETRY_MS = { first: 5, most: 200 };
/** After a write, lines are collected for so many milliseconds, or until there are so many bytes: a write takes as much time as many lines. */
const COLLECT = { ms: 20, bytes: 64 * 1024 };

/**
 * Writes lines to a descriptor that may not accept them: a pipe that nobody reads or whose reader has gone, a full disk, a terminal
 * that was stopped or closed. Writing never blocks and never fails. Lines that cannot be written are kept, up to a limit, and tried
 * again indefinitely. Lines beyond the limit are dropped and counted, and a line states their number once there is room again.
 */
export class BoundedOutput {
  /** Whether the descriptor is a terminal. */
  readonly isTTY: boolean;
  readonly #fd: number;
  readonly #note: (dropped: number) => string;
  readonly #limit: number;
  #waiting: string[] = [];
  /** Being written. One write at a time, because each occupies one of libuv's few threads. */
  #batch: Uint8Array | undefined;
  #writing = false;
  /** Set while lines are collected for the next write. */
  #pause: NodeJS.Timeout | undefined;
  /** Bytes of `#waiting` and `#batch`. */
  #bytes = 0;
  #failures = 0;
  #dropped = 0;
  /** Dropped lines that no note has stated yet. */
  #unreported = 0;
  readonly #whenEmpty = new Set<() => void>();

  /**
   * @param fd a descriptor of this process, such as 1
   * @param note makes the line that states how many lines were dropped
   * @param limit most bytes that may wait
   */
  constructor(fd: number, note: (dropped: number) => string, limit = LIMIT) {
    this.isTTY = isatty(fd);
    this.#fd = nonBlocking(fd);
    this.#note = note;
    this.#limit = limit;
  }

  /** Lines dropped so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** @param text one line or several, with line ends */
  write(text: string): void {
    const bytes = Buffer.byteLength(text);
    if (this.#bytes + bytes > this.#limit) {
      this.#dropped++;
      this.#unreported++;
      return;
    }
    this.#waiting.push(text);
    this.#bytes += bytes;
    if (this.#bytes > COLLECT.bytes) this.#endPause();
    this.#advance();
  }

  /**
   * Waits until everything is written, but no longer than `ms` milliseconds.
   * @returns whether everything is written
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
      this.#endPause();
      this.#advance();
    });
  }

  #endPause(): void {
    clearTimeout(this.#pause);
    this.#pause = undefined;
  }

  #advance(): void {
    if (this.#writing || this.#pause || this.#bytes === 0) return;
    if (!this.#batch) {
      this.#batch = Buffer.from(this.#waiting.join(''));
      this.#waiting = [];
    }
    this.#writing = true;
    const batch = this.#batch;
    write(this.#fd, batch, (error, written) => {
      if (error) {
        const delayMs = Math.min(RETRY_MS.most, RETRY_MS.first * 2 ** this.#failures++);
        setTimeout(() => this.#wrote(batch, 0), delayMs).unref();
        return;
      }
      this.#failures = 0;
      this.#wrote(batch, written);
    });
  }

  #wrote(batch: Uint8Array, bytes: number): void {
    this.#writing = false;
    this.#bytes -= bytes;
    this.#batch = bytes < batch.length ? batch.subarray(bytes) : undefined;
    if (!this.#batch && this.#unreported > 0) {
      const note = this.#note(this.#unreported);
      this.#unreported = 0;
      this.#waiting.push(note);
      this.#bytes += Buffer.byteLength(note);
    }
    if (!this.#batch && this.#whenEmpty.size === 0 && this.#bytes < COLLECT.bytes) {
      this.#pause = setTimeout(() => {
        this.#pause = undefined;
        this.#advance();
      }, COLLECT.ms);
    }
    this.#advance();
    if (this.#bytes === 0) for (const empty of this.#whenEmpty) empty();
  }
}

/**
 * Opens the file behind `fd` again, as a non-blocking descriptor. A blocking write would occupy a thread, and the process waits for
 * its threads when it ends. Making `fd` itself non-blocking would affect the other processes that share it, such as the shell.
 * Regular files do not block, and would lose the shared position. If the file cannot be opened again (sockets, or not Linux), it
 * is `fd` itself: Node has made that non-blocking if it is a socket or pipe and `process.stdout` or `process.stderr` was used.
 */
function nonBlocking(fd: number): number {
  try {
    if (fstatSync(fd).isFile()) return fd;
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return fd;
  }
}
