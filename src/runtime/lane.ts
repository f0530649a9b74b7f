import type { Rows } from './pixels.js';
import type { LaneRequest, LaneSettings, NetworkInfo, NetworkSpec, RunReply } from './protocol.js';
import { WorkerThread } from './worker-thread.js';

type Request = LaneRequest extends infer R ? (R extends LaneRequest ? Omit<R, 'id'> : never) : never;

/** The main thread's end of a lane: one worker thread, one request at a time. */
export class Lane {
  readonly #thread: WorkerThread;

  /** @param script the worker's entry file */
  constructor(script: URL, settings: LaneSettings) {
    this.#thread = new WorkerThread(script, 'lane', settings);
  }

  /** Resolves with the reason when the lane is dead; never rejects. */
  get died(): Promise<string> {
    return this.#thread.died;
  }

  /** Whether a request is being worked on. */
  get busy(): boolean {
    return this.#thread.pending > 0;
  }

  load(spec: NetworkSpec, timeoutMs: number): Promise<NetworkInfo> {
    return this.#ask({ type: 'load', spec }, timeoutMs) as Promise<NetworkInfo>;
  }

  async unload(key: string, timeoutMs: number): Promise<void> {
    await this.#ask({ type: 'unload', key }, timeoutMs);
  }

  /** Runs a network. The inputs' memory moves to the lane. */
  run(key: string, inputs: readonly Rows[], timeoutMs: number): Promise<RunReply> {
    const moved = inputs.map(({ data }) => data.buffer);
    return this.#ask({ type: 'run', key, inputs }, timeoutMs, moved) as Promise<RunReply>;
  }

  /** Ends the thread once it has answered what it was asked, if that does not take long. */
  stop(reason: string): Promise<void> {
    return this.#thread.stop(reason);
  }

  /** Ends the thread; a request being worked on fails with `lane_failed`. */
  terminate(reason: string): Promise<void> {
    return this.#thread.terminate(reason);
  }

  #ask(request: Request, timeoutMs: number, moved: ArrayBuffer[] = []): Promise<unknown> {
    if (this.busy) throw new Error('a lane takes one request at a time');
    return this.#thread.ask(request, timeoutMs, moved);
  }
}
