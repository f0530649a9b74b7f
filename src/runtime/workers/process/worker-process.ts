import { awakeClock } from '../../../core/awake-clock.js';
import { MenagerieError } from '../../../core/errors.js';
import { type Ask, type AskHead, type CallAnswer, type CallKind, errorOfFailure } from '../protocol/calls.js';
import { type Bytes, encodeFrame, type Frame, FrameReader } from '../protocol/frame.js';
import { parseAnswer, parseAnswerHead } from '../protocol/parse-answer.js';
import type { WorkerSettings } from '../protocol/worker-settings.js';
import { type Launched, type LaunchOptions, launch } from './launch.js';
import { endOf, type WorkerEnd, WorkerLost } from './worker-end.js';

/** An answer, and the parts of its frame. */
export interface Answered<K extends CallKind> {
  answer: CallAnswer<K>;
  parts: Uint8Array<ArrayBuffer>[];
}

interface Pending {
  id: number;
  timeoutMs: number;
  resolve(answered: { answer: unknown; parts: Uint8Array<ArrayBuffer>[] }): void;
  reject(error: unknown): void;
  /** Start, by the awake clock; undefined: it waits behind another call. */
  begun: number | undefined;
  /** Whether it was taken back, so that its answer does not matter. */
  takenBack: boolean;
}

/**
 * The views of a picture take 140 MB at most: 512 of the largest that networks take. There must be a limit, because a file may have
 * taken over the worker that decoded it.
 */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
/** How long the output of a process is read after it has ended. */
const STDERR_WAIT_MS = 1000;
/** For starting Node and loading the libraries, even on a busy machine. */
const START_TIMEOUT_MS = 60_000;
/** Characters kept from the beginning and from the end of what a process writes to stderr. */
const KEPT_LENGTH = 300;

/** A call that was taken back before the worker had begun. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled';
}

/**
 * The server's side of a worker: one process that answers calls strictly in order. When the process ends, the calls that it had not
 * answered are rejected with WorkerLost. It is not restarted: its owner starts another worker.
 */
export class WorkerProcess {
  /** Resolves when the process has ended and its unanswered calls were rejected; never rejects. */
  readonly ended: Promise<WorkerEnd>;
  /** Resolves when the worker has its settings; rejects if it ends before that. */
  readonly started: Promise<void>;
  readonly #launched: Launched;
  readonly #reader: FrameReader;
  /** Calls without an answer, in the order they were made; the first has begun. */
  readonly #inHand: Pending[] = [];
  #lastId = 0;
  #end: WorkerEnd | undefined;
  #resolveEnded: (end: WorkerEnd) => void = () => {};
  /** Beginning and end of what the process wrote to stderr. */
  #firstOutput = '';
  #lastOutput = '';
  #stopTimer: () => void = () => {};
  #held = false;

  constructor(options: LaunchOptions, settings: WorkerSettings, startTimeoutMs = START_TIMEOUT_MS) {
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#reader = new FrameReader(MAX_ANSWER_BYTES);
    this.#launched = launch(options);
    this.#listen();
    this.started = this.call('start', { settings }, [], startTimeoutMs).then(() => {});
    // Not an unhandled rejection if it fails before its owner listens.
    this.started.catch(() => {});
  }

  /** Undefined if the process could not be started. */
  get pid(): number | undefined {
    return this.#launched.child.pid;
  }

  get alive(): boolean {
    return this.#end === undefined;
  }

  /** Number of calls without an answer. */
  get inHand(): number {
    return this.#inHand.length;
  }

  /** Milliseconds of awake time since its first call began; 0 if it has no call. */
  get busyMs(): number {
    const begun = this.#inHand[0]?.begun;
    return begun === undefined ? 0 : awakeClock.now() - begun;
  }

  /**
   * Makes a call.
   * @param parts bytes that go with the call; they must not change until it is answered
   * @param timeoutMs awake time from when the worker can begin; without an answer by then the worker is ended
   * @param onSent gets a function that takes the call back: the call is rejected with Cancelled if the worker has not begun it
   * @throws MenagerieError from the worker; WorkerLost, Cancelled; Error if the answer does not fit the call
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
    const answered = new Promise<Parameters<Pending['resolve']>[0]>((resolve, reject) => {
      this.#inHand.push({ id, timeoutMs, resolve, reject, begun: undefined, takenBack: false });
      if (this.#inHand.length === 1) this.#begin();
      this.#write(encodeFrame({ id, kind, ask }, parts));
      onSent?.(() => this.#takeBack(id));
    });
    return answered.then(({ answer, parts: bytes }) => ({ answer: parseAnswer(kind, answer), parts: bytes }));
  }

  /**
   * Stops or continues the process, without its knowing. Its deadlines run on. On Windows it does nothing.
   */
  hold(held: boolean): void {
    if (!this.alive || process.platform === 'win32') return;
    this.#held = held;
    this.#launched.child.kill(held ? 'SIGSTOP' : 'SIGCONT');
  }

  /** Whether `hold` has stopped the process. */
  get held(): boolean {
    return this.#held;
  }

  /** Ends the process at once. */
  kill(end: WorkerEnd): void {
    if (!this.#die(end)) return;
    this.#launched.child.kill('SIGKILL');
  }

  /** Ends the process at once, and waits until it has ended. */
  async stop(): Promise<void> {
    this.kill({ kind: 'stopped', reason: 'the server is stopping' });
    await this.ended;
  }

  #listen(): void {
    const { child, socket, stderr } = this.#launched;
    socket.on('data', (chunk: Uint8Array) => this.#receive(chunk));
    // No need to handle these: the end of the process says what happened.
    for (const stream of [socket, stderr]) stream.on('error', () => {});
    socket.once('close', () => {
      const gone = () => this.kill({ kind: 'nonsense', reason: 'closed its socket' });
      setTimeout(gone, STDERR_WAIT_MS).unref();
    });
    stderr.on('data', (chunk: Uint8Array) => {
      const text = Buffer.from(chunk).toString('latin1');
      const room = Math.max(0, KEPT_LENGTH - this.#firstOutput.length);
      this.#firstOutput += text.slice(0, room);
      this.#lastOutput = (this.#lastOutput + text.slice(room)).slice(-KEPT_LENGTH);
    });
    child.on('error', ({ message }) => {
      if (child.pid !== undefined) return;
      this.#closed({ kind: 'lost', reason: `could not be started: ${message}` });
    });
    child.once('exit', (status, signal) => {
      // Some of its output may not have been read yet.
      const closed = () => this.#closed(endOf(status, signal, (this.#firstOutput + this.#lastOutput).trim()));
      const timer = setTimeout(closed, STDERR_WAIT_MS);
      child.once('close', () => {
        clearTimeout(timer);
        closed();
      });
    });
  }

  /** @param end why the process ended, if the server did not end it */
  #closed(end: WorkerEnd): void {
    this.#die(end);
    this.#launched.socket.destroy();
    this.#resolveEnded(this.#end ?? end);
  }

  #receive(chunk: Uint8Array): void {
    let frames: Frame[];
    try {
      frames = this.#reader.push(chunk);
    } catch (error) {
      this.kill({ kind: 'nonsense', reason: `sent ${error instanceof Error ? error.message : error}` });
      return;
    }
    for (const frame of frames) this.#answered(frame);
  }

  #answered({ head, parts }: Frame): void {
    const answer = parseAnswerHead(head);
    const pending = this.#inHand[0];
    if (!answer || answer.id !== pending?.id || (answer.type === 'cancelled' && !pending.takenBack)) {
      this.kill({ kind: 'nonsense', reason: `answered call ${shownId(head)} out of its turn` });
      return;
    }
    this.#inHand.shift();
    this.#begin();
    if (answer.type === 'done') pending.resolve({ answer: answer.answer, parts });
    else if (answer.type === 'failed') pending.reject(errorOfFailure(answer));
  }

  /** Starts the timer of the first call. */
  #begin(): void {
    this.#stopTimer();
    const [first] = this.#inHand;
    if (!first) return;
    first.begun = awakeClock.now();
    const { timeoutMs } = first;
    const late = () => this.kill({ kind: 'deadline', reason: `no answer within ${timeoutMs} ms` });
    this.#stopTimer = awakeClock.after(timeoutMs, late);
  }

  /** The worker reads this after the call it is busy with. Its answer is ignored then. */
  #takeBack(id: number): void {
    const pending = this.#inHand.find((call) => call.id === id);
    if (!pending || pending.begun !== undefined || !this.alive) return;
    const head: AskHead = { id, kind: 'cancel' };
    this.#write(encodeFrame(head));
    pending.takenBack = true;
    pending.reject(new Cancelled());
  }

  #write(buffers: readonly Uint8Array[]): void {
    const { socket } = this.#launched;
    socket.cork();
    for (const buffer of buffers) socket.write(buffer);
    socket.uncork();
  }

  /** Rejects the unanswered calls. @returns false if the worker had ended before */
  #die(end: WorkerEnd): boolean {
    if (this.#end) return false;
    this.#end = end;
    this.#stopTimer();
    for (const [i, pending] of this.#inHand.splice(0).entries()) pending.reject(new WorkerLost(end, i === 0));
    return true;
  }
}

/** The error for a request whose call was lost with its worker. */
export function workerFailed({ end }: WorkerLost): MenagerieError {
  if (end.kind === 'memory') return new MenagerieError('memory_exceeded', end.reason);
  return new MenagerieError(
    'worker_failed',
    'The worker running the request failed and is being replaced; try again.',
    { cause: end.reason, retryAfterS: 1 },
  );
}

/** The id of a call that a worker sent, for a message: it may be anything. */
function shownId(head: object): string {
  const id = 'id' in head ? head.id : undefined;
  return typeof id === 'object' ? Object.prototype.toString.call(id) : String(id).slice(0, 20);
}
