import type { ScoreKind } from '../core/averaging.js';
import type { Flow } from '../core/fair-queue.js';
import { Semaphore } from '../core/semaphore.js';
import type { LookOptions } from '../core/test-time.js';
import { geometryOf } from '../core/views.js';
import type { Look, ReadPicture, RenderedLook } from '../imaging/read-picture.js';
import type { LanePool } from '../runtime/lane-pool.js';
import { pixelsOf } from '../runtime/pixels.js';
import type { ReadRequest } from '../runtime/protocol.js';
import { type Conclusion, conclude } from './conclude.js';
import type { Looker } from './cost.js';
import type { Timings } from './events.js';
import { type Group, runMembers } from './member-runs.js';
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

/** Reads a picture: see Readers.read. */
export type ReadPictures = (request: ReadRequest) => Promise<ReadPicture>;

export interface AnswererOptions {
  pool: LanePool;
  read: ReadPictures;
  /** How many pictures may be read at once: decoded ones are large. */
  readsAtOnce: number;
}

/** Takes one picture from its bytes to an answer. */
export class Answerer {
  readonly #options: AnswererOptions;
  readonly #reading: Semaphore;

  constructor(options: AnswererOptions) {
    this.#options = options;
    this.#reading = new Semaphore(options.readsAtOnce);
  }

  /**
   * @param bytes of the file; they move away from here where they have their memory to themselves
   * @param flow whose turn it is when there is more to do than readers or lanes
   * @throws MenagerieError of the picture, the lanes or the network; the signal's reason
   */
  async answer(
    bytes: Uint8Array,
    { target, autoOrient, look, average }: AnswerOptions,
    flow: Flow,
    signal: AbortSignal,
  ): Promise<{ answer: Answer; timings: Timings }> {
    const { pool, read } = this.#options;
    const queued = performance.now();
    const shared = sharedLooks(target, look);
    const looks = shared.map(({ geometry, options }) => ({ geometry, options }));
    const picture = await this.#reading.run(() => read({ bytes, autoOrient, looks }), signal, flow);
    const { width, height, format, decodeMs, preprocessMs } = picture;
    const queueMs = performance.now() - queued - decodeMs - preprocessMs;
    const timings: Timings = { decode: decodeMs, queue: queueMs, preprocess: preprocessMs, inference: 0 };
    const groups = shared.map(({ members }, i): Group => {
      const { views, pixels } = picture.looks[i] as RenderedLook;
      return { members, views, pixels: pixelsOf(pixels, views.length) };
    });
    const { scored, missing } = await runMembers(pool, target, groups, { flow, signal }, timings);
    const answer = {
      width,
      height,
      format,
      views: Math.max(...groups.map(({ views }) => views.length)),
      ...conclude(scored, target.ensemble, average),
      missing: [...target.missing, ...missing],
    };
    return { answer, timings };
  }
}

/** Members with the same geometry that look in the same way see the same views. */
interface SharedLook extends Look {
  members: Member[];
}

function sharedLooks({ members }: Target, look: AnswerOptions['look']): SharedLook[] {
  const shared = new Map<string, SharedLook>();
  for (const member of members) {
    const geometry = geometryOf(member.model.folder.manifest);
    const options = look(member);
    const key = JSON.stringify([geometry, options]);
    const same = shared.get(key);
    if (same) same.members.push(member);
    else shared.set(key, { geometry, options, members: [member] });
  }
  return [...shared.values()];
}

/** Who looks how, for the price. */
export function lookersOf({ target: { members }, look }: Pick<AnswerOptions, 'target' | 'look'>): Looker[] {
  return members.map((member) => ({ model: member.model, look: look(member) }));
}
