import { setMaxListeners } from 'node:events';
import { awakeClock } from '../core/awake-clock.js';
import type { Pieces } from '../core/byte-source.js';
import type { DecodeCost } from '../core/decode-cost.js';
import { type ErrorCode, MenagerieError, toMenagerieError } from '../core/errors.js';
import { memoryExceeded } from '../core/memory-errors.js';
import { createFlow } from '../core/queues/fair-queue.js';
import type { Answer, Answerer } from './answering/answerer.js';
import { fingerprint } from './answering/fingerprint.js';
import { groupAnswer } from './answering/group-answer.js';
import type { SharedAnswers } from './answering/shared-answers.js';
import { STAGES, type Timings } from './answering/timings.js';
import type { Grouping } from './asking/grouping.js';
import { costOfPicture, type Plan, planFor } from './asking/plan.js';
import type { Question } from './asking/question.js';
import type { Target } from './asking/target.js';
import type { Admission, Reservation } from './cost/admission.js';
import { type Cost, type CostOfDecoding, READING_GMACS, type ReadingSpeed } from './cost/cost.js';
import type { ServingEvents } from './events.js';
import type { Targets } from './targets.js';

/** The file of a picture. */
export interface ImageFile {
  name: string | undefined;
  bytes: Pieces;
}

/** The outcome for one picture. */
type ImageResult = { name: string | undefined } & ({ answer: Answer } | { error: MenagerieError });

export interface Classification {
  target: Target;
  /** The groups whose scores the answers are; undefined if they are those of classes. */
  grouping: Grouping | undefined;
  results: ImageResult[];
  /** Sums over the pictures. */
  timings: Timings;
}

/** What all tickets share. */
export interface TicketTools {
  targets: Targets;
  admission: Admission;
  answerer: Answerer;
  answers: SharedAnswers;
  costOfDecoding: CostOfDecoding;
  /** Bytes that decoding one picture may take. */
  decodeBytes(): number;
  speed: ReadingSpeed;
  events: ServingEvents;
}

/** Errors of one picture that do not affect the other pictures of its request. */
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

/** A file and the cost of decoding it. */
interface CostedFile extends ImageFile {
  decode: DecodeCost | undefined;
  reading: Cost;
}

/** A question that was admitted. */
interface Admitted {
  plan: Plan;
  deadlineMs: number;
  /** Releases the models. */
  release(): void;
}

/**
 * A request to classify pictures: first it is asked, then answered. It owns everything that the request holds: the models, the room
 * in the queue, the deadline, and the signal that ends it. Every ticket must be closed exactly once, even if the request fails.
 */
export class Ticket {
  readonly #tools: TicketTools;
  readonly #abort = new AbortController();
  readonly #flow = createFlow();
  #admitted: Admitted | undefined;
  #reservation: Reservation | undefined;
  #stopTimer: () => void = () => {};

  /** @param uploadMs time for the pictures to arrive; undefined: they have arrived */
  constructor(tools: TicketTools, uploadMs?: number) {
    this.#tools = tools;
    // Every waiting job listens to the signal, so many listeners are not a leak.
    setMaxListeners(0, this.signal);
    if (uploadMs !== undefined) {
      this.#limit(
        uploadMs,
        () => new MenagerieError('upload_timeout', `The body did not arrive within ${uploadMs} ms.`),
      );
    }
  }

  /** Aborts when the request ends early: jobs that have not begun never do. Its reason is a MenagerieError. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Ends the request. */
  abort(reason: MenagerieError): void {
    this.#abort.abort(reason);
  }

  /**
   * Admits a question if its models are ready and there is room for its cost. Otherwise its upload need not be read. A second
   * question replaces the first.
   * @param deadlineMs time for the answer after the pictures have arrived; a request that would still wait by then is refused
   * @throws MenagerieError from Targets.hold; `too_expensive`, `overloaded`, `invalid_request`
   */
  async ask(question: Question, deadlineMs: number): Promise<void> {
    const { targets, admission, speed, events } = this.#tools;
    const { target, release } = await targets.hold(question.asked);
    try {
      const plan = planFor(question, target);
      const one = costOfPicture(plan, speed.costOf());
      admission.assertAffordable(one);
      admission.assertRoom(one, deadlineMs);
      if (this.#admitted) this.#admitted.release();
      else events.classifyStarted(target.id);
      this.#admitted = { plan, deadlineMs, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /**
   * Answers the pictures. The error of a picture fails the request if it is the only picture; otherwise it is one of the results.
   * @throws MenagerieError `too_expensive`, `overloaded`, an error that concerns all pictures; the signal's reason
   */
  async answer(files: readonly ImageFile[]): Promise<Classification> {
    if (!this.#admitted) throw new Error('nothing was asked');
    const { plan, deadlineMs } = this.#admitted;
    const { target } = plan;
    const { admission, costOfDecoding, events, speed } = this.#tools;
    this.#limit(deadlineMs, () => new MenagerieError('deadline_exceeded', `No answer within ${deadlineMs} ms.`));
    const costed = files.map((file): CostedFile => {
      const decode = costOfDecoding(file.bytes);
      // This picture will be refused, so it takes only the room of an ordinary one.
      if (decode && decode.gmacs > admission.limit) return { ...file, decode, reading: speed.costOf() };
      return { ...file, decode, reading: speed.costOf(Math.max(READING_GMACS, decode?.gmacs ?? 0)) };
    });
    const costs = costed.map(({ reading }) => costOfPicture(plan, reading));
    const reservation = admission.reserve(costs, deadlineMs);
    this.#reservation = reservation;
    const timings: Timings = { decode: 0, queue: 0, preprocess: 0, inference: 0 };
    const outcomes = await Promise.allSettled(
      costed.map((file, i) => this.#answerOne(file, plan, timings).finally(() => reservation.release(i))),
    );
    const results = outcomes.map((outcome, i): ImageResult => {
      const name = files[i]?.name;
      if (outcome.status === 'fulfilled') return { name, answer: outcome.value };
      const error = toMenagerieError(outcome.reason);
      events.imageFailed(target.id, error.code);
      return { name, error };
    });
    // Not earlier, so that `imageFailed` was called for every failed picture.
    for (const result of results) {
      if ('error' in result && (files.length === 1 || !IMAGE_FAULTS.has(result.error.code))) throw result.error;
    }
    return { target, grouping: plan.grouping, results, timings };
  }

  /** Releases everything. */
  close(): void {
    this.#stopTimer();
    this.#reservation?.close();
    this.#admitted?.release();
  }

  /** Starts the only timer: first for the upload, then for the answer. */
  #limit(ms: number, error: () => MenagerieError): void {
    this.#stopTimer();
    this.#stopTimer = awakeClock.after(ms, () => this.abort(error()));
  }

  async #answerOne({ bytes, decode, reading }: CostedFile, plan: Plan, totals: Timings): Promise<Answer> {
    const { admission, answerer, answers, decodeBytes, events, speed } = this.#tools;
    if (decode && decode.gmacs > admission.limit) throw tooMuchTime(decode, admission.limit);
    // If the header was not understood, decoding is tried: the worker has a memory limit of its own.
    const allowed = decodeBytes();
    if (decode?.known && decode.bytes > allowed) throw tooMuchMemory(decode, allowed);
    const key = `${await fingerprint(bytes)} ${plan.key}`;
    const work = { bytes, reading, pixels: decode ? decode.width * decode.height : 0 };
    const { answer, source, timings } = await answers.get(key, this.signal, (signal) =>
      answerer.answer(work, plan, { flow: this.#flow, signal }),
    );
    if (timings) {
      for (const stage of STAGES) totals[stage] += timings[stage];
      speed.observe(timings.decode + timings.preprocess, reading.gmacs);
    }
    events.imageClassified(plan.target.id, source, timings);
    return groupAnswer(answer, plan.grouping);
  }
}

function tooMuchTime({ gmacs }: DecodeCost, allowed: number): MenagerieError {
  return new MenagerieError(
    'too_expensive',
    `Decoding this picture costs ${Math.ceil(gmacs)} GMAC; one request may cost ${allowed}.`,
  );
}

function tooMuchMemory({ width, height, bytes }: DecodeCost, allowed: number): MenagerieError {
  return memoryExceeded(`Decoding this picture of ${width} x ${height} pixels`, bytes, allowed);
}
