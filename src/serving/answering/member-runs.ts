import { setMaxListeners } from 'node:events';
import { concatenated } from '../../core/concatenate.js';
import { toMenagerieError } from '../../core/errors.js';
import type { RunResult, Turn } from '../../runtime/workers/job.js';
import type { WorkerPool } from '../../runtime/workers/pool.js';
import { type Member, type Missing, memberError, type Target } from '../asking/target.js';
import type { MemberScores } from './conclude.js';
import type { Timings } from './timings.js';

/** Members that see the same views of a picture. */
export interface Group {
  members: readonly Member[];
  /** How often each view counts. */
  counts: readonly number[];
  /** Of these views, as renderViews makes them. */
  pixels: Uint8Array;
}

/** Cost of handing a piece of work to a worker. */
const PIECE_GMACS = 0.01;

/** Some of a group's views, for one of its members. */
interface Piece {
  member: Member;
  /** Tells these pixels from all others. */
  name: string;
  rows: number;
  data: Uint8Array;
}

let picturesRun = 0;

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
  pool: WorkerPool,
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
  for (const { member, ...piece } of groups.flatMap(runsOf)) {
    const own = work.get(member) as MemberWork;
    const { gmacs, viewMs } = member.model;
    const cost = piece.rows * gmacs + PIECE_GMACS;
    const turn = { flow, cost, ms: piece.rows * viewMs, signal: own.signal };
    own.runs.push(pool.run(member.model.key, piece, turn));
  }
  const needed = target.ensemble?.minMembers ?? 1;
  const scored = new Map<Member, MemberScores>();
  const missing: Missing[] = [];
  const finish = async (member: Member, { counts }: Group) => {
    const own = work.get(member) as MemberWork;
    try {
      const results = await Promise.all(own.runs);
      for (const run of results) addRunTimes(timings, run);
      scored.set(member, { member, counts, scores: concatenated(results.map((run) => run.scores)) });
    } catch (error) {
      const lost = { id: member.model.id, error: toMenagerieError(error) };
      own.giveUp(lost.error);
      // If the request was aborted, or there is only one model, it is no member's fault.
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
 * another, so that a worker can use its tensor again.
 */
function runsOf({ members, counts, pixels }: Group): Piece[] {
  const picture = ++picturesRun;
  const all = counts.length;
  const length = pixels.length / all;
  const pieces = members.flatMap((member) => {
    const most = member.model.info.batch;
    return Array.from({ length: Math.ceil(all / most) }, (_, i) => {
      const from = i * most;
      const rows = Math.min(most, all - from);
      const data = pixels.subarray(from * length, (from + rows) * length);
      return { member, from, name: `views ${picture}:${from}:${rows}`, rows, data };
    });
  });
  return pieces.sort((a, b) => a.from - b.from);
}

function addRunTimes(timings: Timings, run: RunResult): void {
  timings.preprocess += run.normaliseMs;
  timings.inference += run.inferenceMs;
}
