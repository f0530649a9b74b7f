import { setImmediate as nextTurn } from 'node:timers/promises';
import { MenagerieError } from '../../core/errors.js';
import type { AnyJob, Batch, RunResult, TensorBytes } from './job.js';
import type { WorkerProcess } from './process/worker-process.js';
import { errorOfFailure, type RunOutcome } from './protocol/calls.js';

type RunJob = Extract<AnyJob, { kind: 'views' | 'picture' }>;
type Part = Uint8Array<ArrayBuffer>;

const FLOAT_BYTES = Float32Array.BYTES_PER_ELEMENT;

/** Facts about a run of a network. */
export interface Ran {
  rows: number;
  inferenceMs: number;
}

/**
 * Sends a batch to a worker, and resolves or rejects its jobs by the answer.
 * @param timeoutMs from when the worker begins
 * @returns facts about the run, if the batch was one
 * @throws what WorkerProcess.call throws; the jobs are not settled then
 */
export async function sendJobs(worker: WorkerProcess, batch: Batch, timeoutMs: number): Promise<Ran | undefined> {
  const [first] = batch.jobs;
  const onSent = (takeBack: () => void) => {
    batch.takeBack = takeBack;
  };
  switch (first.kind) {
    case 'views':
    case 'picture':
      return sendRun(worker, batch.jobs.map(asRun), first.key, timeoutMs, onSent);
    case 'render': {
      const { ask, part } = first.work;
      const { answer, parts } = await worker.call('render', ask, [part], timeoutMs, onSent);
      const renderings = answer.counts.map((counts, i) => ({ counts, pixels: partOf(parts, i) }));
      first.resolve({ picture: answer.picture, renderings });
      return undefined;
    }
    case 'compute': {
      const { ask, parts: given } = first.work;
      const { answer, parts } = await worker.call('compute', ask, given, timeoutMs, onSent);
      first.resolve(answer.tensors.map((info, i): TensorBytes => ({ ...info, bytes: partOf(parts, i) })));
      return undefined;
    }
  }
}

function asRun(job: AnyJob): RunJob {
  if (job.kind === 'views' || job.kind === 'picture') return job;
  throw new Error(`a job of kind ${job.kind} is in a batch of runs`);
}

async function sendRun(
  worker: WorkerProcess,
  jobs: readonly RunJob[],
  key: string,
  timeoutMs: number,
  onSent: (takeBack: () => void) => void,
): Promise<Ran> {
  const inputs = jobs.map(({ work }) => work.input);
  const files = jobs.map(({ work }) => work.part);
  const { answer, parts } = await worker.call('run', { key, inputs }, files, timeoutMs, onSent);
  const { normaliseMs, inferenceMs } = answer;
  let rows = 0;
  const settlings = jobs.map((job, i) => {
    const outcome = answer.outcomes[i];
    if (outcome?.type === 'failed') return () => job.reject(errorOfFailure(outcome));
    const settling = outcome && resolution(job, outcome, partOf(parts, i), { normaliseMs, inferenceMs });
    if (!settling) return () => job.reject(new MenagerieError('internal', 'The worker gave no answer.'));
    rows += settling.rows;
    return settling.settle;
  });
  void settleInTurns(settlings);
  return { rows, inferenceMs };
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
  { counts, picture }: RunOutcome & { type: 'scores' },
  part: Part,
  times: Pick<RunResult, 'normaliseMs' | 'inferenceMs'>,
): { rows: number; settle(): void } | undefined {
  if (job.kind === 'views') {
    const scores = scoresOf(part, job.rows, job.rows);
    return scores && { rows: job.rows, settle: () => job.resolve({ scores, ...times }) };
  }
  const scores = counts && scoresOf(part, counts.length, job.rows);
  if (!scores || !picture) return undefined;
  return { rows: counts.length, settle: () => job.resolve({ scores, ...times, counts, picture }) };
}

/** The scores in a part; undefined if it does not hold the same number of scores for each of at most `most` rows. */
function scoresOf(part: Part, rows: number, most: number): RunResult['scores'] | undefined {
  const fits = rows > 0 && rows <= most && part.byteLength > 0 && part.byteLength % (rows * FLOAT_BYTES) === 0;
  return fits ? new Float32Array(part.buffer) : undefined;
}

function partOf(parts: readonly Part[], i: number): Part {
  return parts[i] ?? new Uint8Array();
}
