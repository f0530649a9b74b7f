import { awakeClock } from '../core/awake-clock.js';
import type { Pieces } from '../core/byte-source.js';
import { type ErrorCode, MenagerieError, toMenagerieError } from '../core/errors.js';
import { createFlow } from '../core/queues/fair-queue.js';
import { Stop, type StopSignal } from '../core/queues/stop-signal.js';
import type { Answer, Answerer, PictureFeatures } from './answering/answerer.js';
import { fingerprint } from './answering/fingerprint.js';
import { groupAnswer } from './answering/group-answer.js';
import type { SharedAnswers } from './answering/shared-answers.js';
import { STAGES, type Timings } from './answering/timings.js';
import type { Grouping } from './asking/grouping.js';
import { costOfPicture, type Plan, planFor } from './asking/plan.js';
import type { Question } from './asking/question.js';
import type { Target } from './asking/target.js';
import type { Admission, Reservation } from './cost/admission.js';
import { assertDecodable, type PictureReading, type ReadingTools, readingOf } from './cost/reading.js';
import type { ServingEvents } from './events.js';
import type { Targets } from './targets.js';

/** The file of a picture. */
export interface ImageFile {
  name: string | undefined;
  bytes: Pieces;
}

/** The outcome for one picture. */
type ImageResult<T> = { name: string | undefined } & ({ answer: T } | { error: MenagerieError });

/** The outcome for all pictures of a request. */
export interface AnsweredPictures<T> {
  target: Target;
  results: ImageResult<T>[];
  /** Sums over the pictures. */
  timings: Timings;
}

export interface Classification extends AnsweredPictures<Answer> {
  /** The groups whose scores the answers are; undefined if they are those of classes. */
  grouping: Grouping | undefined;
}

/** What all tickets share. */
export interface TicketTools extends ReadingTools {
  targets: Targets;
  admission: Admission;
  answerer: Answerer;
  answers: SharedAnswers;
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

/** A file and the cost of reading it. */
interface CostedFile extends ImageFile, PictureReading {}

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
  readonly #stop = new Stop();
  readonly #flow = createFlow();
  #admitted: Admitted | undefined;
  #reservation: Reservation | undefined;
  #stopTimer: () => void = () => {};

  /** @param uploadMs time for the pictures to arrive; undefined: they have arrived */
  constructor(tools: TicketTools, uploadMs?: number) {
    this.#tools = tools;
    if (uploadMs !== undefined) {
      this.#limit(
        uploadMs,
        () => new MenagerieError('upload_timeout', `The body did not arrive within ${uploadMs} ms.`),
      );
    }
  }

  /** Aborts when the request ends early: jobs that have not begun never do. Its reason is a MenagerieError. */
  get signal(): StopSignal {
    return this.#stop;
  }

  /** The models that answer the question. */
  get target(): Target {
    return this.#asked.plan.target;
  }

  /** Ends the request. */
  abort(reason: MenagerieError): void {
    this.#stop.abort(reason);
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
   * Classifies the pictures. The error of a picture fails the request if it is the only picture; otherwise it is one of the results.
   * @throws MenagerieError `too_expensive`, `overloaded`, an error that concerns all pictures; the signal's reason
   */
  async answer(files: readonly ImageFile[]): Promise<Classification> {
    const { plan } = this.#asked;
    const answered = await this.#each(files, (file, timings) => this.#classify(file, plan, timings));
    return { ...answered, grouping: plan.grouping };
  }

  /**
   * The features of the pictures, if that was the question. Errors are as those of `answer`.
   * @throws MenagerieError as `answer`
   */
  async features(files: readonly ImageFile[]): Promise<AnsweredPictures<PictureFeatures>> {
    const { plan } = this.#asked;
    return await this.#each(files, (file, timings) => this.#featuresOf(file, plan, timings));
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

  get #asked(): Admitted {
    if (!this.#admitted) throw new Error('nothing was asked');
    return this.#admitted;
  }

  /** Answers each picture within the deadline, in the room that all take together. */
  async #each<T>(
    files: readonly ImageFile[],
    answerOne: (file: CostedFile, timings: Timings) => Promise<T>,
  ): Promise<AnsweredPictures<T>> {
    const { plan, deadlineMs } = this.#asked;
    const { target } = plan;
    const { admission, events } = this.#tools;
    this.#limit(deadlineMs, () => new MenagerieError('deadline_exceeded', `No answer within ${deadlineMs} ms.`));
    const costed = files.map((file): CostedFile => {
      return { ...file, ...readingOf(file.bytes, this.#tools, admission.limit) };
    });
    const costs = costed.map(({ reading }) => costOfPicture(plan, reading));
    const reservation = admission.reserve(costs, deadlineMs);
    this.#reservation = reservation;
    const timings: Timings = { decode: 0, queue: 0, preprocess: 0, inference: 0 };
    const answering = costed.map(async (file, i) => {
      try {
        assertDecodable(file, this.#tools, admission.limit);
        return await answerOne(file, timings);
      } finally {
        reservation.release(i);
      }
    });
    const outcomes = await Promise.allSettled(answering);
    const results = outcomes.map((outcome, i): ImageResult<T> => {
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
    return { target, results, timings };
  }

  async #classify(file: CostedFile, plan: Plan, totals: Timings): Promise<Answer> {
    const { answerer, answers, events } = this.#tools;
    const key = answers.caches ? `${await fingerprint(file.bytes)} ${plan.key}` : undefined;
    const wanted = { file: file.bytes, plan: plan.key, key };
    const { answer, source, timings } = await answers.get(wanted, this.signal, (signal) =>
      answerer.answer(file, plan, { flow: this.#flow, signal }),
    );
    this.#note(file, timings, totals);
    events.imageClassified(plan.target.id, source, timings);
    return groupAnswer(answer, plan.grouping);
  }

  async #featuresOf(file: CostedFile, plan: Plan, totals: Timings): Promise<PictureFeatures> {
    const { answerer, events } = this.#tools;
    const { signal } = this;
    const { features, timings } = await answerer.features(file, plan, { flow: this.#flow, signal });
    this.#note(file, timings, totals);
    events.imageClassified(plan.target.id, 'computed', timings);
    return features;
  }

  /** Adds the times of a picture to those of the request, and learns from them. */
  #note({ reading }: CostedFile, timings: Timings | undefined, totals: Timings): void {
    if (!timings) return;
    for (const stage of STAGES) totals[stage] += timings[stage];
    this.#tools.speed.observe(timings.decode + timings.preprocess, reading.gmacs);
  }
}
