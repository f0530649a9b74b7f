import type { ScoreKind } from '../core/averaging.js';
import type { Flow } from '../core/fair-queue.js';
import type { Picture } from '../core/picture.js';
import { Semaphore } from '../core/semaphore.js';
import { type LookOptions, viewsOf } from '../core/test-time.js';
import { geometryOf, type View } from '../core/views.js';
import type { Decoded } from '../imaging/decode.js';
import type { Turn } from '../runtime/jobs.js';
import type { LanePool } from '../runtime/lane-pool.js';
import type { SharedPixels } from '../runtime/protocol.js';
import { type Conclusion, conclude, type MemberScores } from './conclude.js';
import { type Looker, READING_GMACS } from './cost.js';
import type { Timings } from './events.js';
import { addTimes, type Group, runMembers } from './member-runs.js';
import type { Member, Missing, Target } from './target.js';

/** Everything there is to say of one picture. */
export interface Answer extends Conclusion {
  width: number;
  height: number;
  format: string;
  /** How many different views of the picture were looked at; the most where networks differ. */
  views: number;
  missing: readonly Missing[];
}

/** How to answer. */
export interface AnswerOptions {
  target: Target;
  autoOrient: boolean;
  /** How each member looks at the picture. */
  look(member: Member): LookOptions;
  /** What is averaged over the views of a picture. */
  average: ScoreKind;
}

export interface AnswererOptions {
  pool: LanePool;
  decode(bytes: Uint8Array, autoOrient: boolean): Promise<Decoded>;
}

/** One network that looks at a picture once. */
interface LoneView {
  member: Member;
  views: readonly View[];
}

/** A decoded picture on its way, in the form in which it goes on. */
type Opened = Pick<Answer, 'width' | 'height' | 'format'> & { groups: Group[]; timings: Timings } & (
    | { pixels: SharedPixels[] }
    | { picture: Picture; lone: LoneView }
    | { scored: MemberScores }
  );

/** Bytes of a decoded picture of which there may be as many as there are requests. */
const SMALL = 256 * 1024;

/** Takes one picture from its bytes to an answer. */
export class Answerer {
  readonly #options: AnswererOptions;
  /** Decoded pictures are large: only so many exist that every lane has one at hand and one to follow. */
  readonly #decoded: Semaphore;

  constructor(options: AnswererOptions) {
    this.#options = options;
    this.#decoded = new Semaphore(2 * options.pool.size);
  }

  /**
   * @param flow whose turn it is when there is more to do than lanes
   * @throws MenagerieError of the picture, the lanes or the network; the signal's reason
   */
  async answer(
    bytes: Uint8Array,
    options: AnswerOptions,
    flow: Flow,
    signal: AbortSignal,
  ): Promise<{ answer: Answer; timings: Timings }> {
    const { target, average } = options;
    const queued = performance.now();
    const opened = await this.#decoded.run(() => this.#open(bytes, options, { flow, signal }, queued), signal, flow);
    const { width, height, format, groups, timings } = opened;
    const { scored, missing } = await this.#scores(opened, target, { flow, signal });
    const answer = {
      width,
      height,
      format,
      views: Math.max(...groups.map(({ rendering }) => rendering.views.length)),
      ...conclude(scored, target.ensemble, average),
      missing: [...target.missing, ...missing],
    };
    return { answer, timings };
  }

  /** Decodes a picture and brings it to where it takes little memory. */
  async #open(
    bytes: Uint8Array,
    options: AnswerOptions,
    turn: Pick<Turn, 'flow' | 'signal'>,
    queued: number,
  ): Promise<Opened> {
    const { decode, pool } = this.#options;
    const started = performance.now();
    const picture = await decode(bytes, options.autoOrient);
    const { width, height, format } = picture;
    const groups = groupsOf(picture, options);
    const decodeMs = performance.now() - started;
    const timings: Timings = { decode: decodeMs, queue: started - queued, preprocess: 0, inference: 0 };
    const facts = { width, height, format, groups, timings };
    const lone = loneViewOf(groups);
    if (lone && picture.data.length <= SMALL) return { ...facts, picture, lone };
    // A large one goes to its network at once, or, to meet others in a batch, as the few pixels that it comes down to.
    if (lone?.member.model.info.batch === 1) {
      return { ...facts, scored: await this.#runLone(picture, lone, turn, timings) };
    }
    const renderings = groups.map(({ rendering }) => rendering);
    const rendered = await pool.render(picture, renderings, { ...turn, cost: READING_GMACS });
    timings.queue += rendered.queueMs;
    timings.preprocess += rendered.preprocessMs;
    return { ...facts, pixels: rendered.pixels };
  }

  async #scores(
    opened: Opened,
    target: Target,
    turn: Pick<Turn, 'flow' | 'signal'>,
  ): Promise<{ scored: MemberScores[]; missing: Missing[] }> {
    const { groups, timings } = opened;
    if ('pixels' in opened) return runMembers(this.#options.pool, target, groups, opened.pixels, turn, timings);
    const scored = 'scored' in opened ? opened.scored : await this.#runLone(opened.picture, opened.lone, turn, timings);
    return { scored: [scored], missing: [] };
  }

  /** Renders and runs in one step. */
  async #runLone(
    picture: Picture,
    { member, views }: LoneView,
    turn: Pick<Turn, 'flow' | 'signal'>,
    timings: Timings,
  ): Promise<MemberScores> {
    const { key, gmacs } = member.model;
    const run = await this.#options.pool.run(key, { picture, views }, { ...turn, cost: READING_GMACS + gmacs });
    addTimes(timings, run, true);
    return { member, views, scores: run.scores };
  }
}

/** Members with the same geometry that look in the same way see the same views. */
function groupsOf(picture: Decoded, { target, look }: AnswerOptions): Group[] {
  const groups = new Map<string, Group>();
  for (const member of target.members) {
    const geometry = geometryOf(member.model.folder.manifest);
    const options = look(member);
    const key = JSON.stringify([geometry, options]);
    const group = groups.get(key);
    if (group) group.members.push(member);
    else groups.set(key, { rendering: { geometry, views: viewsOf(picture, geometry, options) }, members: [member] });
  }
  return [...groups.values()];
}

function loneViewOf([group, another]: readonly Group[]): LoneView | undefined {
  const [member, sharer] = group?.members ?? [];
  if (!group || !member || another || sharer || group.rendering.views.length !== 1) return undefined;
  return { member, views: group.rendering.views };
}

/** Who looks how, for the price. */
export function lookersOf({ target: { members }, look }: Pick<AnswerOptions, 'target' | 'look'>): Looker[] {
  return members.map((member) => ({ model: member.model, look: look(member) }));
}
