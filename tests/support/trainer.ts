import { afterAll } from 'vitest';
import { findLevers } from '../../src/runtime/workers/process/levers.js';
import type { HeadTask } from '../../src/training/head/head-task.js';
import { Trainer, type TrainerOptions } from '../../src/training/trainer.js';

const started: Trainer[] = [];

/** Starts a trainer, which ends with the tests of the file. */
export async function startTrainer(options: Partial<TrainerOptions> = {}): Promise<Trainer> {
  const trainer = Trainer.start({
    script: new URL('../../dist/training/inside/trainer-main.js', import.meta.url),
    levers: await findLevers(),
    env: { PATH: process.env.PATH },
    memoryBytes: 2 ** 30,
    ...options,
  });
  if (started.length === 0) afterAll(() => Promise.all(started.map((each) => each.stop())));
  started.push(trainer);
  return trainer;
}

/** A task with one view of each picture, the folds in turns, and one strength of L2. */
export function headTask(
  task: Pick<HeadTask, 'features' | 'size' | 'classes'> & { labels: readonly number[] } & Partial<
      Omit<HeadTask, 'labels'>
    >,
): HeadTask {
  const labels = Int32Array.from(task.labels);
  return {
    views: 1,
    folds: labels.map((_, i) => i % 3),
    weighted: false,
    l2: [0.1],
    hidden: [],
    seed: 1,
    ...task,
    labels,
  };
}
