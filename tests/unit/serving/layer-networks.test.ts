import { beforeEach, describe, expect, it, vi } from 'vitest';
import { MenagerieError } from '../../../src/core/errors.js';
import type { NetworkInfo, NetworkSpec } from '../../../src/runtime/networks/network-spec.js';
import { Admission } from '../../../src/serving/cost/admission.js';
import { LayerNetworks } from '../../../src/serving/layer-networks.js';
import type { ServedModel } from '../../../src/serving/models/model.js';
import type { ModelSummary } from '../../../src/serving/summaries.js';
import { openRepository } from '../../../src/zoo/open-repository.js';
import { manifestOf, temporaryFolder, writeTree } from '../../support/model-folders.js';

/** Every layer `n` gives the tensor `tn`. */
const LAYERS = [
  ...['1', '2', '3'].map((n) => ({ name: n, tensor: `t${n}`, output: [1, 2, 3] })),
  { name: 'large', tensor: 'large', output: [1, 2 ** 11, 2 ** 10] },
  { name: 'flat', tensor: 'flat', output: [5] },
];
const INFO = { loadMs: 30, warmupMs: 30, viewMs: 1 } as NetworkInfo;

async function layersOf(load: (spec: NetworkSpec) => Promise<Partial<NetworkInfo>>) {
  const folder = await temporaryFolder();
  const manifest = manifestOf('m', { output: { name: 'y', kind: 'logits' } });
  await writeTree(folder, { 'm/manifest.json': manifest, 'm/labels.txt': 'a\nb', 'm/m.onnx': 'x' });
  const found = (await openRepository([folder])).models.get('m');
  if (!found) throw new Error('no model');
  const held = new Set<string>();
  const pool = {
    load: vi.fn(async (spec: NetworkSpec) => {
      const info = { ...INFO, features: 6, ...(await load(spec)) };
      held.add(spec.key);
      return info;
    }),
    unload: vi.fn(async (key: string) => void held.delete(key)),
    holds: (key: string) => held.has(key),
  };
  const summary = { inspection: { summary: { layers: LAYERS } } } as unknown as ModelSummary;
  const admission = new Admission({ capacity: 100, limit: 1, workers: 1 });
  const layers = new LayerNetworks({ pool, summaries: { summary: async () => summary }, admission, instances: 1 });
  const model = { id: 'm', variant: 'fp32', key: 'm@fp32#1', folder: found, info: INFO, viewMs: 1 } as ServedModel;
  return { layers, model, pool, held, admission };
}

const names = (held: ReadonlySet<string>) => [...held].map((key) => key.replace('m@fp32#1:', '')).sort();

describe('the networks of layers', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    return () => vi.useRealTimers();
  });

  it('are loaded once, and unloaded when nobody uses them for a minute', async () => {
    const { layers, model, pool, held } = await layersOf(async () => ({}));
    const [first, again, byTensor] = await Promise.all(['1', '1', 't1'].map((name) => layers.hold(model, name)));
    expect(pool.load).toHaveBeenCalledOnce();
    expect(pool.load.mock.calls[0]?.[0]).toMatchObject({ batch: 1, layer: { tensor: 't1', size: 6 } });
    expect([first?.shape, (await layers.hold(model, 'flat')).shape]).toEqual([[2, 3], [5]]);
    for (const each of [first, again]) each?.release();
    await vi.advanceTimersByTimeAsync(100_000);
    expect(names(held)).toEqual(['flat', 't1']);
    byTensor?.release();
    await vi.advanceTimersByTimeAsync(50_000);
    (await layers.hold(model, '1')).release();
    await vi.advanceTimersByTimeAsync(50_000);
    expect(names(held)).toEqual(['flat', 't1']);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(names(held)).toEqual(['flat']);
  });

  it('are at most two, of which one that nobody uses makes room', async () => {
    const { layers, model, held } = await layersOf(async () => ({}));
    const first = await layers.hold(model, '1');
    await layers.hold(model, '2');
    await expect(layers.hold(model, '3')).rejects.toMatchObject({ code: 'overloaded', retryAfterS: 5 });
    first.release();
    await layers.hold(model, '3');
    expect(names(held)).toEqual(['t2', 't3']);
  });

  it('are loaded again after they were lost or could not be loaded', async () => {
    let fails = true;
    const { layers, model, held, pool } = await layersOf(async () => {
      if (fails) throw new MenagerieError('worker_failed', 'it died');
      return {};
    });
    await expect(layers.hold(model, '1')).rejects.toMatchObject({ code: 'worker_failed' });
    fails = false;
    await layers.hold(model, '1');
    held.clear();
    await layers.hold(model, '1');
    expect(pool.load).toHaveBeenCalledTimes(3);
    expect(names(held)).toEqual(['t1']);
  });

  it('are refused with what is wrong', async () => {
    const { layers, model, held } = await layersOf(async ({ layer }) => {
      if (layer?.tensor === 't1') throw new MenagerieError('signature_mismatch', 'It is uint8.');
      return { features: undefined };
    });
    const refused = async (name: string) => await layers.hold(model, name).catch((error: MenagerieError) => error);
    expect(await refused('none')).toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/no layer "none"/),
    });
    expect(await refused('large')).toMatchObject({
      code: 'answer_too_large',
      message: expect.stringMatching(/2097152 .* 1048576/),
    });
    expect(await refused('1')).toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/Layer "1" .*uint8/),
    });
    expect(await refused('2')).toMatchObject({ code: 'invalid_request', message: expect.stringMatching(/Layer "2"/) });
    expect(held.size).toBe(0);
  });

  it('take room in the queue while they are loaded', async () => {
    const pending: number[] = [];
    const { layers, model, admission } = await layersOf(async () => {
      pending.push(admission.pendingGmacs);
      return {};
    });
    await layers.hold(model, '1');
    // 60 ms are 4 GMAC, and no more is taken than one request may.
    expect(pending).toEqual([1]);
    expect(admission.pendingGmacs).toBe(0);
  });
});
