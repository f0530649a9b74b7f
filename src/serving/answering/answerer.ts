import type { Pieces } from '../../core/byte-source.js';
import { Semaphore } from '../../core/queues/semaphore.js';
import type { PictureResult, Turn } from '../../runtime/workers/job.js';
import type { WorkerPool } from '../../runtime/workers/pool.js';
import type { PictureFacts } from '../../runtime/workers/protocol/calls.js';
import type { Plan } from '../asking/plan.js';
import type { Member, Missing } from '../asking/target.js';
import { type Cost, sumOf } from '../cost/cost.js';
import { type Conclusion, conclude, type MemberScores } from './conclude.js';
import { type Group, runMembers } from './member-runs.js';
import type { Timings } from './timings.js';

/** Everything there is to say of one picture. */
export interface Answer extends Conclusion {
  width: number;
  height: number;
  format: string;
  /** How many different views of the picture were looked at; the most where networks differ. */
  views: number;
  missing: readonly Missing[];
}

/** A picture to be answered. */
export interface PictureWork {
  bytes: Pieces;
  /** Pixels by its header; 0 where that says nothing. */
  pixels: number;
  /** Cost of decoding and rendering it. */
  reading: Cost;
}

export interface AnswererOptions {
  pool: WorkerPool;
  /** Bytes that views on their way between workers may take, all together. */
  viewBytes: number;
}

/** What comes of a picture before it is concluded. */
interface ScoredPicture {
  picture: PictureFacts;
  scored: MemberScores[];
  missing: Missing[];
}

/** Larger pictures, and those that take as long, are kept from one of the workers, so that small ones are not held up by them. */
const LIGHT_PIXELS = 4_000_000;
const LIGHT_GMACS = 3;

/** Takes one picture from its bytes to an answer. */
export class Answerer {
  readonly #pool: WorkerPool;
  readonly #views: Semaphore;

  constructor({ pool, viewBytes }: AnswererOptions) {
    this.#pool = pool;
    this.#views = new Semaphore(viewBytes);
  }

  /** @throws MenagerieError of the picture, the workers or the network; the signal's reason */
  async answer(
    work: PictureWork,
    plan: Plan,
    { flow, signal }: Pick<Turn, 'flow' | 'signal'>,
  ): Promise<{ answer: Answer; timings: Timings }> {
    const asked = performance.now();
    const timings: Timings = { decode: 0, queue: 0, preprocess: 0, inference: 0 };
    const { pixels, reading } = work;
    const file = { bytes: work.bytes, heavy: pixels > LIGHT_PIXELS || reading.gmacs > LIGHT_GMACS };
    const alone = this.#aloneAt(plan, file.heavy);
    const { gmacs, ms } = alone ? sumOf([reading, plan.cost]) : reading;
    const turn: Turn = { flow, signal, cost: gmacs, ms };
    const { picture, scored, missing } = alone
      ? await this.#whole(alone, file, plan, turn, timings)
      : await this.#views.run(() => this.#inParts(file, plan, turn, timings), signal, flow, plan.viewBytes);
    timings.decode += picture.decodeMs;
    timings.preprocess += picture.renderMs;
    const { target, average } = plan;
    const answer = {
      width: picture.width,
      height: picture.height,
      format: picture.format,
      views: Math.max(...scored.map(({ counts }) => counts.length)),
      ...conclude(scored, target.ensemble, average),
      missing: [...target.missing, ...missing],
    };
    return { answer, timings: withQueue(timings, performance.now() - asked) };
  }

  /** The only member, if one worker can do the picture whole and in one run. */
  #aloneAt({ target, groups }: Plan, heavy: boolean): Member | undefined {
    const [member, ...others] = target.members;
    const views = groups[0]?.views ?? 0;
    if (!member || others.length > 0 || views > member.model.info.batch) return undefined;
    return this.#pool.takesWhole(member.model.key, heavy) ? member : undefined;
  }

  /** One hop there and one back. */
  async #whole(
    member: Member,
    file: Parameters<WorkerPool['classify']>[1],
    { groups, autoOrient }: Plan,
    turn: Turn,
    timings: Timings,
  ): Promise<ScoredPicture> {
    const [{ viewOptions, views }] = groups as [Plan['groups'][number]];
    const result: PictureResult = await this.#pool.classify(
      member.model.key,
      file,
      { autoOrient, viewOptions },
      views,
      turn,
    );
    const { picture, counts, scores, normaliseMs, inferenceMs } = result;
    timings.preprocess += normaliseMs;
    timings.inference += inferenceMs;
    return { picture, scored: [{ member, counts, scores }], missing: [] };
  }

  /** One worker renders the views, and all that hold the members run them. */
  async #inParts(
    file: Parameters<WorkerPool['render']>[0],
    { target, groups, autoOrient }: Plan,
    turn: Turn,
    timings: Timings,
  ): Promise<ScoredPicture> {
    const renderings = groups.map(({ geometry, viewOptions }) => ({ geometry, viewOptions }));
    const { picture, renderings: rendered } = await this.#pool.render(file, { autoOrient, renderings }, turn);
    const shown = groups.map(({ members }, i): Group => {
      const { pixels = new Uint8Array(), counts = [] } = rendered[i] ?? {};
      return { members, counts, pixels };
    });
    return { picture, ...(await runMembers(this.#pool, target, shown, turn, timings)) };
  }
}

/** What is not accounted for was waiting: runs side by side may have taken longer than the clock. */
function withQueue(timings: Timings, elapsedMs: number): Timings {
  const { decode, preprocess, inference } = timings;
  return { ...timings, queue: Math.max(0, elapsedMs - decode - preprocess - inference) };
}
