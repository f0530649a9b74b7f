import { once } from 'node:events';
import { getPriority } from 'node:os';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';

const MODULE = new URL('../../dist/runtime/step-back.js', import.meta.url).href;
const PROGRAM = `
  import { getPriority } from 'node:os';
  import { parentPort } from 'node:worker_threads';
  const { stepBack } = await import(${JSON.stringify(MODULE)});
  const seen = [getPriority()];
  for (let i = 0; i < 6; i++) {
    stepBack();
    seen.push(getPriority());
  }
  parentPort.postMessage(seen);
`;

test.runIf(process.platform === 'linux')(
  'a thread steps back behind the others, and they stay where they are',
  async () => {
    const before = getPriority();
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(PROGRAM)}`));
    const [seen] = (await once(worker, 'message')) as [number[]];
    expect(seen).toEqual([0, 5, 10, 15, 20, 25, 30].map((steps) => Math.min(19, before + steps)));
    expect(getPriority()).toBe(before);
  },
);
