import { setImmediate as nextTurn } from 'node:timers/promises';
import { MenagerieError } from '../../core/errors.js';
import type { AnyJob, Batch, RunResult, TensorBytes } from './job.js';
import { loneKey } from './lone-instances.js';
import type { WorkerProcess } from './process/worker-process.js';
import { errorOfFailure, type RunOutcome } from './protocol/calls.js';

type RunJob = Extract<AnyJob, { kind: 'views' | 'picture' }>;
type Part = Uint8Array<ArrayBuffer>;

const FLOAT_BYTES = Float32Array.BYTES_PER_ELEMENT;

/** A run of a network, alone or together with others that share its session. */
export interface Ran {
  network: string;
  rows: number;
  /** What these rows take if they are run without the others. */
  inferenceMs: number;
}

/**
 * Sends a batch to a worker, and resolves or rejects its jobs by the answer.
 * @param timeoutMs from when the worker begins
 * @returns which networks were run
 * @throws what WorkerProcess.call throws; the jobs are not settled then
 */
export async function sendJobs(worker: WorkerProcess, batch: Batch, timeoutMs: number): Promise<Ran[]> {
  const [first] = batch.jobs;
  const onSent = (takeBack: () => void) => {
    batch.takeBack = takeBack;
  };
  switch (first.kind) {
    case 'views':
    case 'picture':
      return sendRun(worker, batch.jobs.map(asRun), batch.lone, timeoutMs, onSent);
    case 'render': {
      const { ask, part } = first.work;
      const { answer, parts } = await worker.call('render', ask, [part], timeoutMs, onSent);
      const renderings = answer.counts.map((counts, i) => ({ counts, pixels: partOf(parts, i) }));
      first.resolve({ picture: answer.picture, renderings });
      return [];
    }
    case 'compute': {
      const { ask, parts: given } = first.work;
      const named = { ...ask, key: instanceOf(ask.key, batch.lone) };
      const { answer, parts } = await worker.call('compute', named, given, timeoutMs, onSent);
      first.resolve(answer.tensors.map((info, i): TensorBytes => ({ ...info, bytes: partOf(parts, i) })));
      return [];
    }
  }
}

/** The name in the worker of what runs a network. */
const instanceOf = (key: string, lone: boolean) => (lone ? loneKey(key) : key);

function asRun(job: AnyJob): RunJob {
  if (job.kind === 'views' || job.kind === 'picture') return job;
  throw new Error(`a job of kind ${job.kind} is in a batch of runs`);
}

async function sendRun(
  worker: WorkerProcess,
  jobs: readonly RunJob[],
  lone: boolean,
  timeoutMs: number,
  onSent: (takeBack: () => void) => void,
): Promise<Ran[]> {
  const inputs = jobs.map(({ work: { input } }) => ({ ...input, key: instanceOf(input.key, lone) }));
  const firsts = new Set(new Map(jobs.toReversed().map((job) => [job.views ?? job, job])).values());
  const files = jobs.map((job) => (firsts.has(job) ? job.work.part : new Uint8Array()));
  const { answer, parts } = await worker.call('run', { inputs }, files, timeoutMs, onSent);
  const { normaliseMs, inferenceMs } = answer;
  const rowsBy = new Map<string, number>();
  const rowsOfViews = new Map<string | AnyJob, number>();
  const settlings = jobs.map((job, i) => {
    const outcome = answer.outcomes[i];
    if (outcome?.type === 'failed') return () => job.reject(errorOfFailure(outcome));
    // Who asked for several of them would otherwise count the time of one run as often.
    const sharers = jobs.filter((other) => (other.views ?? other) === (job.views ?? job)).length;
    const times = { normaliseMs: normaliseMs / sharers, inferenceMs: inferenceMs / sharers };
    const settling = outcome && resolution(job, outcome, partOf(parts, i), times);
    if (!settling) return () => job.reject(new MenagerieError('internal', 'The worker gave no answer.'));
    rowsBy.set(job.network, (rowsBy.get(job.network) ?? 0) + settling.rows);
    rowsOfViews.set(job.views ?? job, settling.rows);
    return settling.settle;
  });
  void settleInTurns(settlings);
  const all = [...rowsOfViews.values()].reduce((sum, rows) => sum + rows, 0);
  return [...rowsBy].map(([network, rows]) => ({ network, rows, inferenceMs: (inferenceMs * rows) / all }));
}

/** Writing a reply takes most of a millisecond, so other work of the server gets a turn after each. Never rejects. */
async function settleInTurns(settlings: readonly (() => void)[]): Promise<void> {
  for (const [i, settle] of settlings.entries()) {
    if (i > 0) await nextTurn();
    settle();
  }
}

/** How to resolve a job; undefined if the answer does not fit it. */
function resolution(
  job: RunJob,
  { counts, picture, distances }: RunOutcome & { type: 'scores' },
  part: Part,
  times: Pick<RunResult, 'normaliseMs' | 'inferenceMs'>,
): { rows: number; settle(): void } | undefined {
  if (job.kind === 'views') {
    const result = resultOf(part, job.rows, job.rows, distances);
    return result && { rows: job.rows, settle: () => job.resolve({ ...result, ...times }) };
  }
  const result = counts && resultOf(part, counts.length, job.rows, distances);
  if (!result || !picture) return undefined;
  return { rows: counts.length, settle: () => job.resolve({ ...result, ...times, counts, picture }) };
}

/**
 * The scores in a part, and the distances at its end if it has some; undefined if it does not hold the same number of scores for
 * each of at most `most` rows.
 */
function resultOf(
  part: Part,
  rows: number,
  most: number,
  distances: boolean,
): Pick<RunResult, 'scores' | 'distances'> | undefined {
  const width = part.byteLength / (rows * FLOAT_BYTES);
  const scored = distances ? width - 1 : width;
  if (!(rows > 0 && rows <= most && Number.isInteger(width) && scored > 0)) return undefined;
  const values = new Float32Array(part.buffer);
  const end = rows * scored;
  return { scores: values.subarray(0, end), distances: distances ? values.subarray(end) : undefined };
}

function partOf(parts: readonly Part[], i: number): Part {
  return parts[i] ?? new Uint8Array();
}
