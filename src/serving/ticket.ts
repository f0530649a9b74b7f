import { setMaxListeners } from 'node:events';
import { awakeClock } from '../core/awake-clock.js';
import type { Pieces } from '../core/byte-source.js';
import type { DecodeCost } from '../core/decode-cost.js';
import { type ErrorCode, MenagerieError, toMenagerieError } from '../core/errors.js';
import { createFlow } from '../core/queues/fair-queue.js';
import { memoryExceeded } from '../runtime/networks/memory-errors.js';
import type { Answer, Answerer } from './answering/answerer.js';
import { fingerprint } from './answering/fingerprint.js';
import type { SharedAnswers } from './answering/shared-answers.js';
import { STAGES, type Timings } from './answering/timings.js';
import { costOfPicture, type Plan } from './asking/plan.js';
import type { Target } from './asking/target.js';
import type { Admission, Reservation } from './cost/admission.js';
import { type Cost, type CostOfDecoding, READING_GMACS, type ReadingSpeed } from './cost/cost.js';
import type { ServingEvents } from './events.js';

/** A picture as it came: the file's bytes. */
export interface ImageFile {
  name: string | undefined;
  bytes: Pieces;
}

/** What became of one picture. */
export type ImageResult = { name: string | undefined } & ({ answer: Answer } | { error: MenagerieError });

export interface Classification {
  target: Target;
  results: ImageResult[];
  /** Sums over the pictures, in milliseconds. */
  timings: Timings;
}

/** How long a request may take. */
export interface Terms {
  /** Time for the pictures to arrive, in ms; undefined: they are there. */
  uploadMs?: number | undefined;
  /** Time for the answer once the pictures are there, in ms: what would not even begin by then is refused at once. */
  deadlineMs: number;
}

/** What tickets work with; all share it. */
export interface TicketTools {
  admission: Admission;
  answerer: Answerer;
  answers: SharedAnswers;
  costOfDecoding: CostOfDecoding;
  /** Bytes that decoding one picture may take. */
  decodeBytes: number;
  speed: ReadingSpeed;
  events: ServingEvents;
}

/** The faults of one picture that leave the others of its request alone. */
const IMAGE_FAULTS: ReadonlySet<ErrorCode> = new Set([
  'empty_body',
  'not_an_image',
  'unsupported_image_format',
  'corrupt_image',
  'too_many_pixels',
  'too_expensive',
  'memory_exceeded',
  'worker_failed',
]);

/** A file and what decoding it will take. */
interface CostedFile extends ImageFile {
  decode: DecodeCost | undefined;
  reading: Cost;
}

/**
 * A request that was admitted. It owns all that the request holds: the models, its place in the queue, its deadline and the signal
 * that ends it. Whatever becomes of the request, its ticket is closed, once.
 */
export class Ticket {
  readonly target: Target;
  readonly #plan: Plan;
  readonly #terms: Terms;
  readonly #tools: TicketTools;
  readonly #release: () => void;
  readonly #abort = new AbortController();
  readonly #flow = createFlow();
  #reservation: Reservation | undefined;
  #stopTimer: () => void = () => {};

  /** @param release lets go of the models */
  constructor(plan: Plan, terms: Terms, tools: TicketTools, release: () => void) {
    this.target = plan.target;
    this.#plan = plan;
    this.#terms = terms;
    this.#tools = tools;
    this.#release = release;
    // Whatever waits listens to it: that many are no leak.
    setMaxListeners(0, this.signal);
    const { uploadMs } = terms;
    if (uploadMs !== undefined) {
      this.#limit(
        uploadMs,
        () => new MenagerieError('upload_timeout', `The body did not arrive within ${uploadMs} ms.`),
      );
    }
  }

  /** Ends the request: what has not begun by then never does. Its reason is a MenagerieError. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Ends the request. */
  abort(reason: MenagerieError): void {
    this.#abort.abort(reason);
  }

  /**
   * Answers the pictures. One picture's fault is the request's error if it came alone, and stands among the results if others came
   * with it.
   * @throws MenagerieError `too_expensive`, `overloaded`, the signal's reason
   */
  async answer(files: readonly ImageFile[]): Promise<Classification> {
    const { deadlineMs } = this.#terms;
    const { admission, costOfDecoding, events, speed } = this.#tools;
    this.#limit(deadlineMs, () => new MenagerieError('deadline_exceeded', `No answer within ${deadlineMs} ms.`));
    const costed = files.map((file): CostedFile => {
      const decode = costOfDecoding(file.bytes);
      // It fails alone, and takes no room for that.
      if (decode && decode.gmacs > admission.limit) return { ...file, decode, reading: speed.costOf() };
      return { ...file, decode, reading: speed.costOf(Math.max(READING_GMACS, decode?.gmacs ?? 0)) };
    });
    const costs = costed.map(({ reading }) => costOfPicture(this.#plan, reading));
    const reservation = admission.reserve(costs, deadlineMs);
    this.#reservation = reservation;
    const timings: Timings = { decode: 0, queue: 0, preprocess: 0, inference: 0 };
    const outcomes = await Promise.allSettled(
      costed.map((file, i) => this.#answerOne(file, timings).finally(() => reservation.release(i))),
    );
    const results = outcomes.map((outcome, i): ImageResult => {
      const name = files[i]?.name;
      if (outcome.status === 'fulfilled') return { name, answer: outcome.value };
      const error = toMenagerieError(outcome.reason);
      events.imageFailed(this.target.id, error.code);
      return { name, error };
    });
    // Only now, so that every picture has been counted.
    for (const result of results) {
      if ('error' in result && (files.length === 1 || !IMAGE_FAULTS.has(result.error.code))) throw result.error;
    }
    return { target: this.target, results, timings };
  }

  /** Gives everything back. */
  close(): void {
    this.#stopTimer();
    this.#reservation?.close();
    this.#release();
  }

  /** One timer: first for the upload, then for the answer. */
  #limit(ms: number, error: () => MenagerieError): void {
    this.#stopTimer();
    this.#stopTimer = awakeClock.after(ms, () => this.abort(error()));
  }

  async #answerOne({ bytes, decode, reading }: CostedFile, totals: Timings): Promise<Answer> {
    const { admission, answerer, answers, decodeBytes, events, speed } = this.#tools;
    if (decode && decode.gmacs > admission.limit) throw tooMuchTime(decode, admission.limit);
    // Where the header is not understood the picture is tried: the worker's own limit holds.
    if (decode?.known && decode.bytes > decodeBytes) throw tooMuchMemory(decode, decodeBytes);
    const key = `${await fingerprint(bytes)} ${this.#plan.key}`;
    const work = { bytes, reading, pixels: decode ? decode.width * decode.height : 0 };
    const { answer, source, timings } = await answers.get(key, this.signal, (signal) =>
      answerer.answer(work, this.#plan, { flow: this.#flow, signal }),
    );
    if (timings) {
      for (const stage of STAGES) totals[stage] += timings[stage];
      speed.observe(timings.decode + timings.preprocess, reading.gmacs);
    }
    events.imageClassified(this.target.id, source, timings);
    return answer;
  }
}

function tooMuchTime({ gmacs }: DecodeCost, allowed: number): MenagerieError {
  return new MenagerieError(
    'too_expensive',
    `Decoding this picture takes as long as ${Math.ceil(gmacs)} GMAC of a network; one request may cost ${allowed}.`,
  );
}

function tooMuchMemory({ width, height, bytes }: DecodeCost, allowed: number): MenagerieError {
  return memoryExceeded(`Decoding this picture of ${width} x ${height} pixels`, bytes, allowed);
}
