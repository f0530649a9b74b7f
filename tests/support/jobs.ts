import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { MenagerieError } from '../../src/core/errors.js';
import { JobQueue, type JobQueueOptions, type RunTransfer } from '../../src/training/jobs/job-queue.js';
import { JobStore } from '../../src/training/jobs/job-store.js';
import type { TransferJob } from '../../src/training/jobs/transfer-job.js';
import type { Progress, TransferRequest } from '../../src/training/transfer-request.js';
import { temporaryFolder } from './model-folders.js';
import { until } from './worker-script.js';

/** A training that a test ends. */
export interface ScriptedRun {
  id: string;
  signal: AbortSignal;
  progress(done: number): void;
  keepReport: Parameters<RunTransfer>[2];
  done(): void;
  fail(error: unknown): void;
}

export function requestOf(id: string): TransferRequest {
  return {
    base: 'base',
    variant: undefined,
    id,
    title: undefined,
    data: '/pictures',
    val: undefined,
    depth: 'head',
    augment: '',
    hidden: [],
    seed: 0,
  };
}

/** A queue whose trainings do nothing until the test ends them, or a signal does. */
export async function openJobs(folder: string | undefined, options: Partial<JobQueueOptions> = {}) {
  const root = folder ?? (await temporaryFolder());
  const runs: ScriptedRun[] = [];
  const states: string[] = [];
  const faults: MenagerieError[] = [];
  const store = new JobStore(join(root, 'transfers'));
  const run: RunTransfer = ({ id }, onProgress, keepReport, signal) =>
    new Promise((resolve, reject) => {
      const progress = (done: number) =>
        onProgress({ step: 'features', done, total: 100, note: '' } satisfies Progress);
      const done = () => resolve({ model: id, version: '0'.repeat(12), accuracy: 1, classes: 2, pictures: 4 });
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      runs.push({ id, signal, progress, keepReport, done, fail: reject });
    });
  const queue = await JobQueue.open({
    store,
    run,
    assertFree: async () => {},
    onState: ({ request, state }) => states.push(`${request.id} ${state}`),
    onFault: (_job, error) => faults.push(error),
    ...options,
  });
  onTestFinished(() => queue.stop());
  return {
    root,
    store,
    queue,
    runs,
    states,
    faults,
    submit: (id: string) => queue.submit(JobQueue.nameFor(id), requestOf(id)),
    /** Waits until so many trainings have begun. @returns the last */
    begun: async (count: number): Promise<ScriptedRun> => {
      await until(() => runs.length >= count, `training ${count}`);
      return runs[count - 1] as ScriptedRun;
    },
    inState: (job: TransferJob, state: TransferJob['state']) => until(() => job.state === state, `the state ${state}`),
  };
}
