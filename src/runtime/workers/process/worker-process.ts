import { awakeClock } from '../../../core/awake-clock.js';
import { MenagerieError } from '../../../core/errors.js';
import { type AnswerHead, type Ask, type CallAnswer, type CallKind, errorOfFailure } from '../protocol/calls.js';
import { type Bytes, encodeFrame, type Frame, type FrameError, FrameReader } from '../protocol/frame.js';
import type { WorkerSettings } from '../protocol/worker-settings.js';
import { type Launched, type LaunchOptions, launch } from './launch.js';
import { endOf, type WorkerEnd, WorkerLost } from './worker-end.js';

/** An answer, and the bytes beside it. */
export interface Answered<K extends CallKind> {
  answer: CallAnswer<K>;
  parts: Uint8Array<ArrayBuffer>[];
}

interface Pending {
  id: number;
  timeoutMs: number;
  resolve(answered: { answer: object; parts: Uint8Array<ArrayBuffer>[] }): void;
  reject(error: unknown): void;
  /** On the clock of awake time; undefined: it waits behind another. */
  begun: number | undefined;
  /** Whether nobody waits for it any more. */
  takenBack: boolean;
}

/** The views of a picture take 140 MB at most: 512 of the largest that networks see. A worker may have been taken over. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
/** Time for what a process wrote before it ended to be read. */
const STDERR_WAIT_MS = 1000;
/** For starting Node and loading the libraries, on a busy machine too. */
const START_TIMEOUT_MS = 60_000;
/** Of what it wrote the beginning and the end are kept. */
const WORDS_LENGTH = 300;

/** A call that was taken back before the worker had begun. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled';
}

/**
 * The server's end of a worker: one process that answers calls strictly in order. Once it has ended it stays so, and the calls it
 * had in hand are rejected with WorkerLost; its owner puts another in its place.
 */
export class WorkerProcess {
  /** Resolves when the process has ended, with what it had in hand rejected; never rejects. */
  readonly ended: Promise<WorkerEnd>;
  /** Resolves when it has been told its settings; a worker that dies before that rejects it. */
  readonly started: Promise<void>;
  readonly #launched: Launched;
  readonly #reader: FrameReader;
  /** In the order they were made; the first has begun. */
  readonly #inHand: Pending[] = [];
  #lastId = 0;
  #end: WorkerEnd | undefined;
  #resolveEnded: (end: WorkerEnd) => void = () => {};
  #firstWords = '';
  #lastWords = '';
  #stopTimer: () => void = () => {};

  constructor(options: LaunchOptions, settings: WorkerSettings, startTimeoutMs = START_TIMEOUT_MS) {
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#reader = new FrameReader(MAX_ANSWER_BYTES);
    this.#launched = launch(options);
    this.#listen();
    this.started = this.call('start', { settings }, [], startTimeoutMs).then(() => {});
    // Its owner may listen later than it fails.
    this.started.catch(() => {});
  }

  /** Undefined if it could not even be started. */
  get pid(): number | undefined {
    return this.#launched.child.pid;
  }

  get alive(): boolean {
    return this.#end === undefined;
  }

  /** Calls that are not answered yet. */
  get inHand(): number {
    return this.#inHand.length;
  }

  /** Milliseconds of awake time for which it has worked on its first call; 0 where it has none. */
  get busyMs(): number {
    const begun = this.#inHand[0]?.begun;
    return begun === undefined ? 0 : awakeClock.now() - begun;
  }

  /**
   * Asks for something.
   * @param timeoutMs of awake time from when the worker can begin; without an answer by then it is ended
   * @param parts bytes beside the call; they must not change until it is answered
   * @param onSent gets a function that takes the call back: it is rejected with Cancelled if the worker has not begun
   * @throws MenagerieError that the worker answers; WorkerLost, Cancelled
   */
  call<K extends CallKind>(
    kind: K,
    ask: Ask<K>,
    parts: readonly Bytes[],
    timeoutMs: number,
    onSent?: (takeBack: () => void) => void,
  ): Promise<Answered<K>> {
    const end = this.#end;
    if (end) return Promise.reject(new WorkerLost(end, false));
    const id = ++this.#lastId;
    return new Promise<Answered<K>>((resolve, reject) => {
      this.#inHand.push({
        id,
        timeoutMs,
        resolve: resolve as Pending['resolve'],
        reject,
        begun: undefined,
        takenBack: false,
      });
      if (this.#inHand.length === 1) this.#begin();
      this.#write(encodeFrame({ id, kind, ask }, parts));
      onSent?.(() => this.#takeBack(id));
    });
  }

  /** Ends the process at once, whatever it does. */
  kill(end: WorkerEnd): void {
    if (!this.#die(end)) return;
    this.#launched.child.kill('SIGKILL');
  }

  /** Ends the process. @returns when it has ended */
  async stop(): Promise<void> {
    this.kill({ kind: 'stopped', reason: 'the server is stopping' });
    await this.ended;
  }

  #listen(): void {
    const { child, socket, stderr } = this.#launched;
    socket.on('data', (chunk: Uint8Array) => this.#receive(chunk));
    // What these mean, the end of the process says.
    for (const stream of [socket, stderr]) stream.on('error', () => {});
    socket.once('close', () => {
      const gone = () => this.kill({ kind: 'nonsense', reason: 'closed its socket' });
      setTimeout(gone, STDERR_WAIT_MS).unref();
    });
    stderr.on('data', (chunk: Uint8Array) => {
      const text = Buffer.from(chunk).toString('latin1');
      const room = Math.max(0, WORDS_LENGTH - this.#firstWords.length);
      this.#firstWords += text.slice(0, room);
      this.#lastWords = (this.#lastWords + text.slice(room)).slice(-WORDS_LENGTH);
    });
    child.on('error', ({ message }) => {
      if (child.pid !== undefined) return;
      this.#die({ kind: 'lost', reason: `could not be started: ${message}` });
      this.#closed();
    });
    child.once('exit', (status, signal) => {
      // What it had written may still be on its way.
      const closed = () => {
        this.#die(endOf(status, signal, (this.#firstWords + this.#lastWords).trim()));
        this.#closed();
      };
      const timer = setTimeout(closed, STDERR_WAIT_MS);
      child.once('close', () => {
        clearTimeout(timer);
        closed();
      });
    });
  }

  #closed(): void {
    this.#launched.socket.destroy();
    this.#resolveEnded(this.#end as WorkerEnd);
  }

  #receive(chunk: Uint8Array): void {
    let frames: Frame[];
    try {
      frames = this.#reader.push(chunk);
    } catch (error) {
      this.kill({ kind: 'nonsense', reason: `sent ${(error as FrameError).message}` });
      return;
    }
    for (const frame of frames) this.#answered(frame);
  }

  #answered({ head, parts }: Frame): void {
    const answer = head as AnswerHead;
    const pending = this.#inHand[0];
    const known =
      answer.type === 'done' || answer.type === 'failed' || (answer.type === 'cancelled' && pending?.takenBack);
    if (!pending || answer.id !== pending.id || !known) {
      this.kill({ kind: 'nonsense', reason: `answered call ${String(answer.id).slice(0, 20)} out of its turn` });
      return;
    }
    this.#inHand.shift();
    this.#begin();
    if (answer.type === 'done') pending.resolve({ answer: answer.answer, parts });
    else if (answer.type === 'failed') pending.reject(errorOfFailure(answer));
  }

  /** The time of the call that is first now runs. */
  #begin(): void {
    this.#stopTimer();
    const [first] = this.#inHand;
    if (!first) return;
    first.begun = awakeClock.now();
    const { timeoutMs } = first;
    const late = () => this.kill({ kind: 'deadline', reason: `no answer within ${timeoutMs} ms` });
    this.#stopTimer = awakeClock.after(timeoutMs, late);
  }

  /** The worker hears of it when it has done what it is at; its answer, whatever that is, is of no interest then. */
  #takeBack(id: number): void {
    const pending = this.#inHand.find((call) => call.id === id);
    if (!pending || pending.begun !== undefined || !this.alive) return;
    this.#write(encodeFrame({ id, kind: 'cancel' }));
    pending.takenBack = true;
    pending.reject(new Cancelled());
  }

  #write(buffers: readonly Uint8Array[]): void {
    const { socket } = this.#launched;
    socket.cork();
    for (const buffer of buffers) socket.write(buffer);
    socket.uncork();
  }

  /** @returns whether it was alive until now */
  #die(end: WorkerEnd): boolean {
    if (this.#end) return false;
    this.#end = end;
    this.#stopTimer();
    for (const [i, pending] of this.#inHand.splice(0).entries()) pending.reject(new WorkerLost(end, i === 0));
    return true;
  }
}

/** The error for whoever made a call that a worker took with it. */
export function workerFailed({ end }: WorkerLost): MenagerieError {
  if (end.kind === 'memory') return new MenagerieError('memory_exceeded', end.reason);
  return new MenagerieError(
    'worker_failed',
    'The worker running the request failed and is being replaced; try again.',
    {
      cause: end.reason,
      retryAfterS: 1,
    },
  );
}
