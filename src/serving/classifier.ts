import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ScoreKind } from '../core/averaging.js';
import type { Pieces } from '../core/byte-source.js';
import { type ErrorCode, type MenagerieError, toMenagerieError } from '../core/errors.js';
import { createFlow, type Flow } from '../core/fair-queue.js';
import { assertLook, type LookOptions, type TestTimeAugmentation } from '../core/test-time.js';
import type { Crops } from '../core/views.js';
import type { Admission } from './admission.js';
import { type Answer, type Answerer, type AnswerOptions, lookersOf } from './answerer.js';
import { type Cost, costOf, expectedMs, ReadingTime } from './cost.js';
import type { ServingEvents, Timings } from './events.js';
import type { SharedAnswers } from './shared-answers.js';
import type { Asked, Member, Target, Targets } from './target.js';

/** A picture as it came: the file's bytes. */
export interface ImageFile {
  name: string | undefined;
  bytes: Pieces;
}

/** Who is asked, and how pictures are to be looked at. */
export interface Question {
  asked: Asked;
  /** Whether EXIF orientation is applied. */
  autoOrient: boolean;
  /** Default: the ensemble's, else each model's own. */
  crops: Crops | undefined;
  augmentation: TestTimeAugmentation;
  seed: number;
  average: ScoreKind;
}

export interface ClassifyOptions extends Question {
  /** Time for the answer once the pictures are there, in ms: what would not even begin by then is refused at once. */
  deadlineMs: number;
  /** Ends the request: what has not begun by then never does. Its reason is a MenagerieError. */
  signal: AbortSignal;
}

/** What became of one picture. */
export type ImageResult = { name: string | undefined } & ({ answer: Answer } | { error: MenagerieError });

export interface Classification {
  target: Target;
  results: ImageResult[];
  /** Sums over the pictures, in milliseconds. */
  timings: Timings;
}

/** What a request would cost. */
export interface Estimate {
  target: Target;
  cost: Cost;
  limitGmacs: number;
  /** Milliseconds that it would wait now, and until its answer. */
  waitMs: number;
  expectedMs: number;
}

export interface ClassifierOptions {
  targets: Targets;
  answerer: Answerer;
  answers: SharedAnswers;
  admission: Admission;
  lanes: number;
  events: ServingEvents;
}

/** The faults of one picture that leave the others of its request alone. */
const IMAGE_FAULTS: ReadonlySet<ErrorCode> = new Set([
  'empty_body',
  'not_an_image',
  'unsupported_image_format',
  'corrupt_image',
  'too_many_pixels',
  'lane_failed',
]);

/** From the bytes of pictures to class probabilities. */
export class Classifier {
  readonly #options: ClassifierOptions;
  readonly #reading = new ReadingTime();

  constructor(options: ClassifierOptions) {
    this.#options = options;
  }

  /**
   * Classifies the pictures that `receive` brings. It is called only when whoever is asked is ready and there is room for
   * the price, so that an upload is not even read for nothing.
   *
   * One picture's fault is the request's error if it came alone, and stands among the results if others came with it.
   * @throws MenagerieError of who is asked (see Targets.use), `too_expensive`, `overloaded`, the signal's reason,
   *   `invalid_request`
   */
  async classify(options: ClassifyOptions, receive: () => Promise<ImageFile[]>): Promise<Classification> {
    const { targets, admission, events } = this.#options;
    const { deadlineMs, signal } = options;
    // Whatever waits listens to it: that many are no leak.
    setMaxListeners(0, signal);
    return targets.use(options.asked, async (target) => {
      const answering = answerOptions(options, target);
      const one = this.#costOf(answering, 1);
      admission.assertAffordable(one);
      admission.assertRoom(one, deadlineMs);
      events.classifyStarted(target.id);
      const files = await receive();
      const reservation = admission.reserve(this.#costOf(answering, files.length), files.length, deadlineMs);
      const timings: Timings = { decode: 0, queue: 0, preprocess: 0, inference: 0 };
      const flow = createFlow();
      const outcomes = await Promise.allSettled(
        files.map(({ bytes }) => this.#answer(bytes, answering, flow, signal, timings).finally(reservation.releaseOne)),
      );
      const results = outcomes.map((outcome, i): ImageResult => {
        const name = files[i]?.name;
        if (outcome.status === 'fulfilled') return { name, answer: outcome.value };
        const error = toMenagerieError(outcome.reason);
        events.imageFailed(target.id, error.code);
        return { name, error };
      });
      // Only now, so that every picture has been counted.
      for (const result of results) {
        if ('error' in result && (files.length === 1 || !IMAGE_FAULTS.has(result.error.code))) throw result.error;
      }
      return { target, results, timings };
    });
  }

  /**
   * Says what so many pictures would cost; nothing is computed.
   * @throws MenagerieError of who is asked (see Targets.use), `invalid_request`
   */
  async estimate(question: Question, pictures: number): Promise<Estimate> {
    const { targets, admission, lanes } = this.#options;
    return targets.use(question.asked, async (target) => {
      const answering = answerOptions(question, target);
      const cost = this.#costOf(answering, pictures);
      const waitMs = admission.waitMs(cost);
      const one = expectedMs(lookersOf(answering), lanes, this.#reading.ms);
      const all = Math.max(one, cost.ms / lanes);
      return { target, cost, limitGmacs: admission.limit, waitMs, expectedMs: waitMs + all };
    });
  }

  async #answer(
    bytes: Pieces,
    options: AnswerOptions,
    flow: Flow,
    signal: AbortSignal,
    totals: Timings,
  ): Promise<Answer> {
    const { answerer, answers, events } = this.#options;
    const key = await questionOf(bytes, options);
    const { answer, source, timings } = await answers.get(key, signal, (wanted) =>
      answerer.answer(bytes.slice(0, bytes.length), options, flow, wanted),
    );
    if (timings) {
      for (const stage of Object.keys(totals) as (keyof Timings)[]) totals[stage] += timings[stage];
      this.#reading.observe(timings.decode + timings.preprocess);
    }
    events.imageClassified(options.target.id, source, timings);
    return answer;
  }

  #costOf(options: AnswerOptions, pictures: number): Cost {
    return costOf(lookersOf(options), pictures, this.#reading.ms);
  }
}

/** @throws MenagerieError `invalid_request` where a member cannot look in this way */
function answerOptions({ crops, augmentation, seed, autoOrient, average }: Question, target: Target): AnswerOptions {
  const look = (member: Member): LookOptions => ({ crops: crops ?? member.crops, augmentation, seed });
  for (const member of target.members) {
    assertLook(member.model.folder.manifest.preprocess.resize, look(member));
  }
  return { target, autoOrient, look, average };
}

/** Bytes hashed at a time, which takes about a millisecond; others have their turn in between. */
const HASHED_AT_A_TIME = 1024 * 1024;

/** SHA-256 in base64. */
async function fingerprint({ pieces }: Pieces): Promise<string> {
  const hash = createHash('sha256');
  let hashed = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += HASHED_AT_A_TIME) {
      const part = piece.subarray(at, at + HASHED_AT_A_TIME);
      if (hashed + part.length > HASHED_AT_A_TIME) {
        await nextTurn();
        hashed = 0;
      }
      hash.update(part);
      hashed += part.length;
    }
  }
  return hash.digest('base64');
}

/** Equal for equal pictures that are put in the same way to the same networks. */
async function questionOf(bytes: Pieces, { target, autoOrient, look, average }: AnswerOptions): Promise<string> {
  const picture = await fingerprint(bytes);
  const members = target.members.map((member) => [member.model.key, member.model.version, member.weight, look(member)]);
  const missing = target.missing.map(({ id }) => id);
  const rule = target.ensemble && [target.ensemble.combine, target.ensemble.minMembers];
  return JSON.stringify([picture, autoOrient, average, members, missing, rule]);
}
