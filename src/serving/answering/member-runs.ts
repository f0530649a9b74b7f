import { concatenated } from '../../core/concatenate.js';
import { toMenagerieError } from '../../core/errors.js';
import { Stop } from '../../core/queues/stop-signal.js';
import type { Wants } from '../../runtime/networks/network-spec.js';
import type { RunResult, Turn } from '../../runtime/workers/job.js';
import type { WorkerPool } from '../../runtime/workers/pool.js';
import { type Member, type Missing, memberError, type Target } from '../asking/target.js';
import type { Cost } from '../cost/cost.js';
import { viewCosts } from '../cost/view-costs.js';
import type { MemberScores } from './conclude.js';
import type { Timings } from './timings.js';

/** Members that see the same views of a picture. */
export interface Group {
  members: readonly Member[];
  /** How often each view counts. */
  counts: readonly number[];
  /** u8 pixels of the views, as renderViews makes them. */
  pixels: Uint8Array;
}

const FREE: Cost = { gmacs: 0, ms: 0 };
/** Cost of giving a piece to a worker. */
const PIECE_GMACS = 0.01;

/** Some of a group's views, for one of its members. */
interface Piece {
  runs: MemberRuns;
  /** Equal names stand for equal pixels. */
  name: string;
  rows: number;
  data: Uint8Array;
}

/** Names views: no two groups share a number. */
let groupsRun = 0;

/** The runs of one member. */
class MemberRuns {
  readonly member: Member;
  /** How often each view counts. */
  readonly counts: readonly number[];
  /** Cost of one view. */
  readonly viewCost: Cost;
  readonly results: Promise<RunResult>[] = [];
  readonly signal = new Stop();

  constructor(member: Member, { counts }: Group, viewCost: Cost) {
    this.member = member;
    this.counts = counts;
    this.viewCost = viewCost;
  }

  /** Cancels the runs that have not begun. */
  giveUp(reason: unknown): void {
    this.signal.abort(reason);
  }
}

/**
 * Runs every member on its views, piece by piece, so that other requests get their turns in between.
 * @param wants what the members give; `scores` in the result stands for it
 * @param timings the times of the runs are added
 * @returns the scores of the members that answered, in the target's order, and the members that failed
 * @throws MenagerieError from a member, and naming it, if too few members are left; the signal's reason
 */
export async function runMembers(
  pool: WorkerPool,
  target: Target,
  groups: readonly Group[],
  wants: Wants,
  { flow, signal }: Pick<Turn, 'flow' | 'signal'>,
  timings: Timings,
): Promise<{ scored: MemberScores[]; missing: Missing[] }> {
  signal.throwIfAborted();
  const work = groups.map((group) => {
    const costs = viewCosts(group.members.map(({ model }) => model));
    return { group, members: group.members.map((each, i) => new MemberRuns(each, group, costs[i] ?? FREE)) };
  });
  const all = work.flatMap(({ members }) => members);
  const giveUp = (reason: unknown) => {
    for (const runs of all) runs.giveUp(reason);
  };
  const onAbort = () => giveUp(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  for (const { runs, ...piece } of work.flatMap(({ group, members }) => piecesOf(group, members))) {
    const { gmacs, ms } = runs.viewCost;
    const turn = { flow, cost: piece.rows * gmacs + PIECE_GMACS, ms: piece.rows * ms, signal: runs.signal };
    runs.results.push(pool.run(runs.member.model.key, piece, turn, wants));
  }
  const needed = target.ensemble?.minMembers ?? 1;
  const scored = new Map<Member, MemberScores>();
  const missing: Missing[] = [];
  const finish = async (runs: MemberRuns) => {
    const { member, counts } = runs;
    try {
      const results = await Promise.all(runs.results);
      for (const run of results) addRunTimes(timings, run);
      const scores = concatenated(results.map((run) => run.scores));
      const distances = results.flatMap((run) => [...(run.distances ?? [])]);
      scored.set(member, { member, counts, scores, distances });
    } catch (error) {
      const lost = { id: member.model.id, error: toMenagerieError(error) };
      runs.giveUp(lost.error);
      // If the request was aborted, or there is only one model, this is the error of the request.
      if (signal.aborted || !target.ensemble) throw lost.error;
      missing.push(lost);
      if (target.members.length - missing.length >= needed) return;
      const fault = memberError(lost);
      giveUp(fault);
      throw fault;
    }
  };
  try {
    await Promise.all(all.map(finish));
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
  return { scored: target.members.flatMap((member) => scored.get(member) ?? []), missing };
}

/**
 * The pieces of a group, each of as many rows as the member's batch size. Pieces with the same rows come one after another, so
 * that a worker can reuse its input tensor.
 */
function piecesOf({ counts, pixels }: Group, members: readonly MemberRuns[]): Piece[] {
  const group = ++groupsRun;
  const all = counts.length;
  const length = pixels.length / all;
  const pieces = members.flatMap((runs) => {
    const most = runs.member.model.info.batch;
    return Array.from({ length: Math.ceil(all / most) }, (_, i) => {
      const from = i * most;
      const rows = Math.min(most, all - from);
      const data = pixels.subarray(from * length, (from + rows) * length);
      return { runs, from, name: `views ${group}:${from}:${rows}`, rows, data };
    });
  });
  return pieces.sort((a, b) => a.from - b.from);
}

function addRunTimes(timings: Timings, run: RunResult): void {
  timings.preprocess += run.normaliseMs;
  timings.inference += run.inferenceMs;
}
