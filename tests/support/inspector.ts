import { afterAll } from 'vitest';
import { Inspector } from '../../src/runtime/workers/inspector.js';
import { findLevers } from '../../src/runtime/workers/process/levers.js';

/** Looks into files for the tests of a file, with as much memory as they take; it ends with them. */
export async function startInspector(timeoutMs: number): Promise<Inspector> {
  const inspector = new Inspector({
    script: new URL('../../dist/runtime/workers/inside/worker-main.js', import.meta.url),
    levers: await findLevers(),
    env: { PATH: process.env.PATH },
    timeoutMs,
    memoryBytes: 2 ** 30,
  });
  afterAll(() => inspector.stop());
  return inspector;
}
