import { setMaxListeners } from 'node:events';
import { concatenated } from '../core/concatenate.js';
import { toMenagerieError } from '../core/errors.js';
import type { View } from '../core/views.js';
import type { RunResult, Turn } from '../runtime/jobs.js';
import type { LanePool } from '../runtime/lane-pool.js';
import type { Pixels, RunInput } from '../runtime/pixels.js';
import type { MemberScores } from './conclude.js';
import type { Timings } from './events.js';
import { type Member, type Missing, memberError, type Target } from './target.js';

/** Members that see the same views of a picture. */
export interface Group {
  members: readonly Member[];
  views: readonly View[];
  /** Of these views. */
  pixels: Pixels;
}

/** Price of handing a piece of work to a lane. */
const PIECE_GMACS = 0.01;

interface Piece extends RunInput {
  member: Member;
}

/** What one member does. */
class MemberWork {
  readonly runs: Promise<RunResult>[] = [];
  readonly #abort = new AbortController();

  constructor() {
    setMaxListeners(0, this.signal);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** What has not begun never does. */
  giveUp(reason: unknown): void {
    this.#abort.abort(reason);
  }
}

/**
 * Runs every member on the pixels of its views, piece by piece, so that others get their turns in between.
 * @param timings is added to
 * @returns scores of the members that answered, in the target's order, and those that failed where it can do without
 * @throws MenagerieError of a member that it cannot do without, naming it; the signal's reason
 */
export async function runMembers(
  pool: LanePool,
  target: Target,
  groups: readonly Group[],
  { flow, signal }: Pick<Turn, 'flow' | 'signal'>,
  timings: Timings,
): Promise<{ scored: MemberScores[]; missing: Missing[] }> {
  signal.throwIfAborted();
  const work = new Map(target.members.map((member) => [member, new MemberWork()]));
  const giveUp = (reason: unknown) => {
    for (const own of work.values()) own.giveUp(reason);
  };
  // Not AbortSignal.any, which takes several times as long.
  const onAbort = () => giveUp(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  for (const { member, ...piece } of groups.flatMap(piecesOf)) {
    const own = work.get(member) as MemberWork;
    const turn = { flow, cost: piece.rows * member.model.gmacs + PIECE_GMACS, signal: own.signal };
    own.runs.push(pool.run(member.model.key, piece, turn));
  }
  const needed = target.ensemble?.minMembers ?? 1;
  const scored = new Map<Member, MemberScores>();
  const missing: Missing[] = [];
  const finish = async (member: Member, { views }: Group) => {
    const own = work.get(member) as MemberWork;
    try {
      const results = await Promise.all(own.runs);
      for (const [i, run] of results.entries()) addTimes(timings, run, i === 0 && scored.size === 0);
      scored.set(member, { member, views, scores: concatenated(results.map((run) => run.scores)) });
    } catch (error) {
      const lost = { id: member.model.id, error: toMenagerieError(error) };
      own.giveUp(lost.error);
      // What everyone meets is no member's fault.
      if (signal.aborted || !target.ensemble) throw lost.error;
      missing.push(lost);
      if (target.members.length - missing.length >= needed) return;
      const fault = memberError(lost);
      giveUp(fault);
      throw fault;
    }
  };
  try {
    await Promise.all(groups.flatMap((group) => group.members.map((member) => finish(member, group))));
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
  return { scored: target.members.flatMap((member) => scored.get(member) ?? []), missing };
}

/**
 * The runs of a group's members: as many rows at a time as pays for each. Members that see the same rows come one after
 * another, so that a lane can use its tensor again.
 */
function piecesOf({ members, pixels }: Group): Piece[] {
  const pieces = members.flatMap((member) => {
    const most = member.model.info.batch;
    return Array.from({ length: Math.ceil(pixels.rows / most) }, (_, i) => ({
      member,
      pixels,
      from: i * most,
      rows: Math.min(most, pixels.rows - i * most),
      whole: members.length === 1 && pixels.rows <= most,
    }));
  });
  return pieces.sort((a, b) => a.from - b.from);
}

/** Adds a run's times. Of runs side by side only the first one's wait counts. */
function addTimes(timings: Timings, run: RunResult, first: boolean): void {
  if (first) timings.queue += run.queueMs;
  timings.preprocess += run.preprocessMs;
  timings.inference += run.inferenceMs;
}
