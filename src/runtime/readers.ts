import { setTimeout as sleep } from 'node:timers/promises';
// In the main thread before the first reader, as sharp's manual wants it, too ("Worker threads").
import '../imaging/loaders.js';
import type { ReadPicture } from '../imaging/read-picture.js';
import type { ReaderSettings, ReadRequest } from './protocol.js';
import { WorkerThread } from './worker-thread.js';

export interface ReadersOptions extends ReaderSettings {
  /** Number of threads. */
  count: number;
  /** Entry file of the worker. */
  script: URL;
  /** A picture that takes longer is given up and its reader replaced. */
  timeoutMs: number;
  /** A reader died and is being replaced. */
  onReplaced(reason: string): void;
}

const RESTART_DELAY_MS = 100;

/**
 * Threads that read pictures. What a decoded picture takes of memory is theirs: in the main thread it would have the garbage
 * collector go through the whole server's heap for every hundred pictures or so.
 */
export class Readers {
  readonly #options: ReadersOptions;
  #threads: WorkerThread[];
  #stopped = false;

  constructor(options: ReadersOptions) {
    this.#options = options;
    this.#threads = Array.from({ length: options.count }, () => this.#start());
  }

  /**
   * Reads a picture in the thread that has the least to do. The file's bytes move to it: `bytes` is empty afterwards, where
   * it has its memory to itself.
   * @throws MenagerieError what readPicture throws, `lane_failed`
   */
  async read(request: ReadRequest): Promise<ReadPicture> {
    const load = (thread: WorkerThread) => (thread.alive ? thread.pending : Number.POSITIVE_INFINITY);
    const idlest = this.#threads.reduce((best, thread) => (load(thread) < load(best) ? thread : best));
    const { buffer, byteLength } = request.bytes;
    const whole = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
    return (await idlest.ask(request, this.#options.timeoutMs, whole ? [buffer] : [])) as ReadPicture;
  }

  /** Ends all threads, those at work once they have finished it, if that does not take long. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#threads.map((thread) => thread.stop('the server is stopping')));
  }

  #start(): WorkerThread {
    const { script, maxPixels, onReplaced } = this.#options;
    const thread = new WorkerThread(script, 'reader', { maxPixels } satisfies ReaderSettings);
    void thread.died.then(async (reason) => {
      if (this.#stopped) return;
      onReplaced(reason);
      // At once, so that nobody meets none alive; but one that cannot even start is not tried all the time.
      if (!thread.proven) await sleep(RESTART_DELAY_MS, undefined, { ref: false });
      if (!this.#stopped) this.#threads = this.#threads.map((one) => (one === thread ? this.#start() : one));
    });
    return thread;
  }
}
