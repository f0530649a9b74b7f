import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MenagerieError } from '../../../src/core/errors.js';
import type { Inspection, InspectRequest } from '../../../src/runtime/inspection/inspection.js';
import { Admission } from '../../../src/serving/cost/admission.js';
import { Summaries } from '../../../src/serving/summaries.js';
import { openRepository } from '../../../src/zoo/open-repository.js';
import { manifestOf, temporaryFolder, writeTree } from '../../support/model-folders.js';

const MIB = 1024 * 1024;
const TOTALS = {
  parameters: 1,
  macs: 1e9,
  depth: 1,
  weightedLayers: 1,
  weightBytes: 1,
  activationBytes: 10 * MIB,
  peakActivationBytes: MIB,
};
const INPUT = [1, 3, 8, 8];

/** Summaries of one network of a GMAC and 10 MB of activations, with an inspector that notes what it is asked. */
async function setUp({
  limit = 1000,
  capacity = 1000,
  inspect = async () => {},
}: {
  limit?: number;
  capacity?: number;
  inspect?: (request: InspectRequest, signal?: AbortSignal) => Promise<void>;
} = {}) {
  const folder = await temporaryFolder();
  await writeTree(folder, { 'm/manifest.json': manifestOf('m'), 'm/labels.txt': 'one\ntwo' });
  await writeFile(join(folder, 'm', 'm.onnx'), 'weights');
  const asked: InspectRequest[] = [];
  const admission = new Admission({ capacity, limit, workers: 1 });
  const summaries = new Summaries({
    repository: await openRepository([folder]),
    inspector: {
      inspect: async (request, signal) => {
        asked.push(request);
        await inspect(request, signal);
        const summary = { inputs: [{ name: 'x', shape: INPUT }], outputs: [], layers: [], parts: [], totals: TOTALS };
        return { summary, opsets: {}, producer: '', irVersion: 8, untrained: false, fileBytes: 7 } as Inspection;
      },
    },
    activationBytes: 40 * MIB,
    admission,
  });
  const ask = (inputShape: readonly number[] | undefined, timing = false, signal?: AbortSignal) =>
    summaries.summary('m', { variant: undefined, inputShape, timing }, signal);
  return { ask, asked, admission };
}

describe('a summary with another input, or with times', () => {
  it('takes room like other work while it is made, and is made once', async () => {
    const pending: number[] = [];
    const { ask, asked, admission } = await setUp({
      inspect: async ({ inputShape }) => {
        if (inputShape) pending.push(admission.pendingGmacs);
      },
    });
    await ask([1, 3, 16, 8]);
    expect([pending, admission.pendingGmacs]).toEqual([[2], 0]);
    await ask([1, 3, 16, 8]);
    await ask(undefined);
    // The plain network first, by which the other was bounded.
    expect(asked.map(({ inputShape }) => inputShape)).toEqual([undefined, [1, 3, 16, 8]]);
  });

  it.each([
    ['costs more than one request may', { limit: 10 }, [1, 3, 8, 8], true, 'too_expensive'],
    ['finds no room', { capacity: 5, limit: 100 }, [1, 3, 8, 8], true, 'overloaded'],
    ['would take too much memory', {}, [1, 3, 32, 32], false, 'memory_exceeded'],
    ['has an absurd input', {}, [1, 3, 8000, 8000], false, 'invalid_input_shape'],
  ] as const)('is refused before it runs where it %s', async (_, options, shape, timing, code) => {
    const { ask, asked, admission } = await setUp(options);
    const other = code === 'overloaded' ? admission.reserve([{ gmacs: 5, ms: 1 }], 1e9) : undefined;
    await expect(ask(shape, timing)).rejects.toMatchObject({ code });
    expect(asked.filter((request) => request.timing || request.inputShape)).toEqual([]);
    other?.close();
    expect(admission.pendingGmacs).toBe(0);
  });

  it('says how much memory it would take and may', async () => {
    const { ask } = await setUp();
    await expect(ask([1, 3, 32, 32])).rejects.toThrow('needs about 160 MB, may use 40 MB');
  });

  it('ends with the request, gives its room back, and is made anew for the next', async () => {
    const abort = new AbortController();
    let calls = 0;
    const { ask, admission } = await setUp({
      inspect: async ({ timing }, signal) => {
        if (!timing || ++calls > 1) return;
        setImmediate(() => abort.abort(new MenagerieError('client_closed_request', 'gone')));
        await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
      },
    });
    await expect(ask(undefined, true, abort.signal)).rejects.toMatchObject({ code: 'client_closed_request' });
    expect(admission.pendingGmacs).toBe(0);
    await ask(undefined, true);
    expect(calls).toBe(2);
  });
});
