import { setImmediate as nextTurn } from 'node:timers/promises';
import { MenagerieError } from '../../core/errors.js';
import type { Batch, Job, PictureResult, Rendered, RunResult, TensorBytes, Work } from './job.js';
import type { WorkerProcess } from './process/worker-process.js';
import { type Ask, errorOfFailure, type RunOutcome } from './protocol/calls.js';

/** Most answers are small; these are checked, since a worker may have been taken over by a file that it decoded. */
const FLOAT_BYTES = Float32Array.BYTES_PER_ELEMENT;

/** What a run told besides the answers. */
export interface Ran {
  rows: number;
  inferenceMs: number;
}

/**
 * Gives a batch to a worker, and settles its jobs by the answers.
 * @param timeoutMs from when the worker begins
 * @returns of a run, what it took
 * @throws what WorkerProcess.call throws; the jobs are then not settled
 */
export async function sendJobs(worker: WorkerProcess, batch: Batch, timeoutMs: number): Promise<Ran | undefined> {
  const { jobs } = batch;
  const [first] = jobs as [Job];
  const onSent = (takeBack: () => void) => {
    batch.takeBack = takeBack;
  };
  switch (first.work.kind) {
    case 'run':
      return sendRun(worker, jobs, timeoutMs, onSent);
    case 'render': {
      const { ask, part } = first.work;
      const { answer, parts } = await worker.call('render', ask, [part], timeoutMs, onSent);
      const renderings = answer.counts.map((counts, i) => ({ counts, pixels: partOf(parts, i) }));
      return void first.resolve({ picture: answer.picture, renderings } satisfies Rendered);
    }
    case 'compute': {
      const { ask, parts: given } = first.work;
      const { answer, parts } = await worker.call('compute', ask, given, timeoutMs, onSent);
      const tensors = answer.tensors.map((info, i): TensorBytes => ({ ...info, bytes: partOf(parts, i) }));
      return void first.resolve(tensors);
    }
  }
}

async function sendRun(
  worker: WorkerProcess,
  jobs: readonly Job[],
  timeoutMs: number,
  onSent: (takeBack: () => void) => void,
): Promise<Ran> {
  const works = jobs.map(({ work }) => work as Work & { kind: 'run' });
  const ask: Ask<'run'> = { key: jobs[0]?.key ?? '', inputs: works.map(({ input }) => input) };
  const bytes = works.map(({ part }) => part);
  const { answer, parts } = await worker.call('run', ask, bytes, timeoutMs, onSent);
  const { normaliseMs, inferenceMs } = answer;
  let rows = 0;
  const settlings = jobs.map((job, i) => {
    const outcome = answer.outcomes[i];
    if (outcome?.type === 'failed') return () => job.reject(errorOfFailure(outcome));
    const result = outcome && resultOf(job, outcome, partOf(parts, i), { normaliseMs, inferenceMs });
    if (!result) return () => job.reject(new MenagerieError('internal', 'The worker gave no answer.'));
    rows += 'counts' in result ? result.counts.length : job.rows;
    return () => job.resolve(result);
  });
  void settleInTurns(settlings);
  return { rows, inferenceMs };
}

/** Writing a reply takes most of a millisecond: after each, whoever else wants something of the server has a turn. Never rejects. */
async function settleInTurns(settlings: readonly (() => void)[]): Promise<void> {
  for (const [i, settle] of settlings.entries()) {
    if (i > 0) await nextTurn();
    settle();
  }
}

function resultOf(
  job: Job,
  { counts, picture }: RunOutcome & { type: 'scores' },
  part: Uint8Array<ArrayBuffer>,
  times: Pick<RunResult, 'normaliseMs' | 'inferenceMs'>,
): RunResult | PictureResult | undefined {
  const rows = job.work.kind === 'run' && job.work.input.kind === 'views' ? job.rows : (counts?.length ?? 0);
  if (
    !(Number.isInteger(rows) && rows > 0 && rows <= job.rows) ||
    part.byteLength === 0 ||
    part.byteLength % (rows * FLOAT_BYTES) !== 0
  )
    return undefined;
  const scores = new Float32Array(part.buffer);
  return counts && picture ? { scores, ...times, counts, picture } : { scores, ...times };
}

function partOf(parts: readonly Uint8Array<ArrayBuffer>[], i: number): Uint8Array<ArrayBuffer> {
  return parts[i] ?? new Uint8Array();
}
