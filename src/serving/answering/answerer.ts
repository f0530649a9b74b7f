import type { Pieces } from '../../core/byte-source.js';
import { Semaphore } from '../../core/queues/semaphore.js';
import { meanOfRows } from '../../core/scores/averaging.js';
import type { Wants } from '../../runtime/networks/network-spec.js';
import type { PictureFile, Turn } from '../../runtime/workers/job.js';
import type { WorkerPool } from '../../runtime/workers/pool.js';
import type { PictureFacts } from '../../runtime/workers/protocol/calls.js';
import type { Plan } from '../asking/plan.js';
import type { Member, Missing } from '../asking/target.js';
import { type Cost, sumOf } from '../cost/cost.js';
import { type Conclusion, conclude, type MemberScores } from './conclude.js';
import { type Group, runMembers } from './member-runs.js';
import type { Timings } from './timings.js';

/** The answer for one picture. */
export interface Answer extends Conclusion {
  width: number;
  height: number;
  format: string;
  /** Number of different views of the picture; the largest number if members differ. */
  views: number;
  missing: readonly Missing[];
}

/** The features of one picture. */
export interface PictureFeatures {
  /** Pixels, after orientation. */
  width: number;
  height: number;
  format: string;
  /** How often each view counts. */
  counts: readonly number[];
  /** views x size, as the network gives them. */
  rows: Float32Array;
  /** Mean over the views. */
  mean: Float32Array;
}

/** A picture to answer. */
export interface PictureWork {
  bytes: Pieces;
  /** Width x height by its header; 0 if unknown. */
  pixels: number;
  /** Cost of decoding and rendering it. */
  reading: Cost;
}

export interface AnswererOptions {
  pool: WorkerPool;
  /** Bytes that all views that are sent between workers may take together. */
  viewBytes: number;
}

/** The scores of a picture, before they are averaged. */
interface ScoredPicture {
  picture: PictureFacts;
  scored: MemberScores[];
  missing: Missing[];
}

/** Pictures beyond these limits are heavy: one of several workers does not decode them, so that small ones never wait for them. */
const LIGHT_PIXELS = 4_000_000;
const LIGHT_GMACS = 3;

/** The only member of a plan, if one worker can do a picture whole. */
interface Single {
  member: Member;
  group: Plan['groups'][number];
}

/** Computes the answer for one picture from its bytes. */
export class Answerer {
  readonly #pool: WorkerPool;
  readonly #views: Semaphore;

  constructor({ pool, viewBytes }: AnswererOptions) {
    this.#pool = pool;
    this.#views = new Semaphore(viewBytes);
  }

  /** @throws MenagerieError from the picture, the workers or the network; the signal's reason */
  async answer(
    work: PictureWork,
    plan: Plan,
    turn: Pick<Turn, 'flow' | 'signal'>,
  ): Promise<{ answer: Answer; timings: Timings }> {
    const { picture, scored, missing, timings } = await this.#ask(work, plan, 'scores', turn);
    const { target, average } = plan;
    const answer = {
      width: picture.width,
      height: picture.height,
      format: picture.format,
      views: Math.max(...scored.map(({ counts }) => counts.length)),
      ...conclude(scored, target.ensemble, average),
      missing: [...target.missing, ...missing],
    };
    return { answer, timings };
  }

  /**
   * The features of a picture, for a plan with one member.
   * @throws MenagerieError from the picture, the workers or the network; the signal's reason
   */
  async features(
    work: PictureWork,
    plan: Plan,
    turn: Pick<Turn, 'flow' | 'signal'>,
  ): Promise<{ features: PictureFeatures; timings: Timings }> {
    const { picture, scored, timings } = await this.#ask(work, plan, 'features', turn);
    const [alone] = scored;
    if (!alone) throw new Error('no network gave features');
    const { counts, scores: rows } = alone;
    const { width, height, format } = picture;
    const mean = meanOfRows(rows, rows.length / counts.length, counts);
    return { features: { width, height, format, counts, rows, mean }, timings };
  }

  /** Runs the members of a plan on a picture. @param wants what they give for each view */
  async #ask(
    work: PictureWork,
    plan: Plan,
    wants: Wants,
    { flow, signal }: Pick<Turn, 'flow' | 'signal'>,
  ): Promise<ScoredPicture & { timings: Timings }> {
    const started = performance.now();
    const timings: Timings = { decode: 0, queue: 0, preprocess: 0, inference: 0 };
    const { pixels, reading } = work;
    const file = { bytes: work.bytes, heavy: pixels > LIGHT_PIXELS || reading.gmacs > LIGHT_GMACS };
    const single = this.#singleOf(plan, file.heavy);
    const { gmacs, ms } = single ? sumOf([reading, plan.cost]) : reading;
    const turn: Turn = { flow, signal, cost: gmacs, ms };
    const found = single
      ? await this.#whole(single, file, plan.autoOrient, wants, turn, timings)
      : await this.#views.run(() => this.#inParts(file, plan, wants, turn, timings), signal, flow, plan.viewBytes);
    timings.decode += found.picture.decodeMs;
    timings.preprocess += found.picture.renderMs;
    return { ...found, timings: withQueue(timings, performance.now() - started) };
  }

  /** The only member, if one worker can decode the picture and run all views together. */
  #singleOf({ target, groups }: Plan, heavy: boolean): Single | undefined {
    const [member, ...others] = target.members;
    const [group] = groups;
    if (!member || !group || others.length > 0 || group.views > member.model.info.batch) return undefined;
    return this.#pool.takesWhole(member.model.key, heavy) ? { member, group } : undefined;
  }

  /** One worker does everything. */
  async #whole(
    { member, group: { viewOptions, views } }: Single,
    file: PictureFile,
    autoOrient: boolean,
    wants: Wants,
    turn: Turn,
    timings: Timings,
  ): Promise<ScoredPicture> {
    const request = { autoOrient, viewOptions };
    const result = await this.#pool.classify(member.model.key, file, request, views, turn, wants);
    const { picture, counts, scores, normaliseMs, inferenceMs } = result;
    const distances = [...(result.distances ?? [])];
    timings.preprocess += normaliseMs;
    timings.inference += inferenceMs;
    return { picture, scored: [{ member, counts, scores, distances }], missing: [] };
  }

  /** One worker renders the views, and the workers that hold the members run them. */
  async #inParts(
    file: PictureFile,
    { target, groups, autoOrient }: Plan,
    wants: Wants,
    turn: Turn,
    timings: Timings,
  ): Promise<ScoredPicture> {
    const renderings = groups.map(({ geometry, viewOptions }) => ({ geometry, viewOptions }));
    const { picture, renderings: rendered } = await this.#pool.render(file, { autoOrient, renderings }, turn);
    const seen = groups.map(({ members }, i): Group => {
      const { pixels = new Uint8Array(), counts = [] } = rendered[i] ?? {};
      return { members, counts, pixels };
    });
    return { picture, ...(await runMembers(this.#pool, target, seen, wants, turn, timings)) };
  }
}

/** Counts the remaining time as waiting; 0 if the summed runs of several workers exceed the elapsed time. */
function withQueue(timings: Timings, elapsedMs: number): Timings {
  const { decode, preprocess, inference } = timings;
  return { ...timings, queue: Math.max(0, elapsedMs - decode - preprocess - inference) };
}
