import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, onTestFinished, test } from 'vitest';
import { variantsOf } from '../../src/core/manifest/manifest.js';
import { softmax } from '../../src/core/scores/activation.js';
import { cropViews, geometryOf } from '../../src/core/views/views.js';
import { decode } from '../../src/imaging/decode.js';
import { cudaObstacle, type Device, obstacleText } from '../../src/runtime/device/providers.js';
import { Network, type Rows } from '../../src/runtime/instances/network.js';
import { Sessions } from '../../src/runtime/instances/sessions.js';
import { InputTensor } from '../../src/runtime/networks/input-tensor.js';
import type { NetworkSpec } from '../../src/runtime/networks/network-spec.js';
import { layersElsewhere, profiled } from '../../src/runtime/networks/profile.js';
import { openRepository } from '../../src/zoo/open-repository.js';
import { findVariant, isPulled, weightsPath } from '../../src/zoo/weights.js';
import { assetsDir } from '../support/assets.js';
import { imagenetNetworks } from '../support/imagenet-networks.js';
import { best, rendered, scoresOn } from '../support/networks.js';

// The bundled networks, and those of the assets, say the same on a GPU as on the CPU. Runs wherever CUDA is installed:
// scripts/gpu/check.sh takes it to a machine with nothing else.

/**
 * Of a probability. Unless told otherwise CUDA multiplies float32 with 10 bits of mantissa (TF32) where the card can, which changes
 * logits in the third digit.
 */
const TOLERANCE = 5e-3;
/** Each size is searched for its fastest kernels, which takes most of a second. */
const BATCH = 4;

const obstacle = cudaObstacle();
if (obstacle) console.warn(`tests/golden/cuda.test.ts is skipped but for one test: ${obstacleText(obstacle)}`);

/** A network, and a picture of something that it knows. */
interface Subject {
  spec: NetworkSpec;
  picture: string;
}

const { models } = await openRepository([fileURLToPath(new URL('../../models', import.meta.url))]);
const subjects: Subject[] = [];
for (const model of models.values()) {
  const [fp32] = variantsOf(model.manifest);
  const { untrained, input, preprocess, output, batch } = model.manifest;
  if (untrained || !model.goldenImage || !fp32 || !(await isPulled(model, fp32[1]))) continue;
  const file = weightsPath(model, findVariant(model, 'fp32'));
  const spec = { key: model.id, file, labels: model.labels.length, bytes: 0, input, preprocess, output, batch };
  subjects.push({ spec, picture: model.goldenImage });
}
const assets = assetsDir();
for (const spec of assets ? imagenetNetworks(assets) : []) {
  subjects.push({ spec, picture: join(assets ?? '', 'images', 'triton_vulture.jpeg') });
}

describe.skipIf(obstacle !== undefined).each(subjects)('$spec.key', ({ spec, picture }) => {
  const load = async (device: Device) => {
    const batch = spec.batch === 'dynamic' ? BATCH : 1;
    const network = await Network.load(spec, { device, threads: 1, batch }, new Sessions());
    onTestFinished(() => network.release());
    return network;
  };

  test('gives the same probabilities on CUDA as on the CPU, in batches of every size', async () => {
    const [cpu, cuda] = [await load('cpu'), await load('cuda-required')];
    expect(cuda.info).toMatchObject({ provider: 'cuda', fallback: undefined });
    const { batch, warmupMs } = cuda.info;
    console.log(`${spec.key} on CUDA: sizes 1 to ${batch} warmed up in ${warmupMs.toFixed(0)} ms`);
    const decoded = await decode(await readFile(picture), true, { maxPixels: 50_000_000 });
    const geometry = geometryOf(spec);
    const shown = rendered(decoded, geometry, cropViews(decoded, geometry, 1));
    // So that rows that are mixed up show: every other one is another picture.
    const inputs: Rows[] = [
      shown,
      { ...shown, name: `${shown.name} reversed`, data: Uint8Array.from(shown.data).reverse() },
    ];
    const probabilities = async (network: Network, rows: readonly Rows[]) => {
      const { outcomes } = await scoresOn(network, rows, new InputTensor());
      return outcomes.map((outcome) => {
        if ('error' in outcome) throw outcome.error;
        return [...(spec.output.kind === 'logits' ? softmax(outcome.scores) : outcome.scores)];
      });
    };
    const expected = [];
    for (const input of inputs) expected.push(...(await probabilities(cpu, [input])));
    for (let rows = 1; rows <= batch; rows++) {
      const asked = Array.from({ length: rows }, (_, row) => row % inputs.length);
      const found = await probabilities(
        cuda,
        asked.map((i) => inputs[i] as Rows),
      );
      for (const [row, scores] of found.entries()) {
        const wanted = expected[asked[row] as number] as number[];
        expect(Math.max(...scores.map((score, i) => Math.abs(score - (wanted[i] as number))))).toBeLessThan(TOLERANCE);
      }
      expect(best({ scores: Float32Array.from(found[0] as number[]) })).toBe(
        best({ scores: Float32Array.from(expected[0] as number[]) }),
      );
    }
  });

  test('names the layers that are left to the CPU, as the runtime itself knows them', async () => {
    const { layersOnCpu } = (await load('cuda-required')).info;
    console.log(`${spec.key} on CUDA: left to the CPU: ${layersOnCpu.join(', ') || 'nothing'}`);
    const extra = { session: { disable_cpu_ep_fallback: '1' } };
    const opened = InferenceSession.create(spec.file, { executionProviders: ['cuda'], extra, logSeverityLevel: 4 });
    if (layersOnCpu.length > 0) return await expect(opened).rejects.toThrow(/fallback to CPU EP/);
    await (await opened).release();
  });
});

test('a profiled session says who ran each layer, and runs on', async () => {
  const file = fileURLToPath(new URL('../../models/lenet5/lenet5.onnx', import.meta.url));
  const run = (session: InferenceSession) =>
    session.run({ input: new Tensor('float32', new Float32Array(32 * 32), [1, 1, 32, 32]) });
  const options = { executionProviders: ['cpu'], graphOptimizationLevel: 'disabled' } as const;
  const { session, events } = await profiled(file, options, run);
  onTestFinished(() => session.release());
  expect(layersElsewhere(events, 'cpu')).toEqual([]);
  expect(layersElsewhere(events, 'cuda')).toContain('conv1 (Conv)');
  await expect(run(session)).resolves.toBeDefined();
});
