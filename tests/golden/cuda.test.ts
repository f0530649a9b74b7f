import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, onTestFinished, test } from 'vitest';
import { variantsOf } from '../../src/core/manifest/manifest.js';
import { cropViews, geometryOf } from '../../src/core/views/views.js';
import { decode } from '../../src/imaging/decode.js';
import { cudaObstacle, type Device, obstacleText } from '../../src/runtime/device/providers.js';
import { Network } from '../../src/runtime/instances/network.js';
import { Sessions } from '../../src/runtime/instances/sessions.js';
import { InputTensor } from '../../src/runtime/networks/input-tensor.js';
import { layersElsewhere, profiled } from '../../src/runtime/networks/profile.js';
import { openRepository } from '../../src/zoo/open-repository.js';
import { findVariant, isPulled, weightsPath } from '../../src/zoo/weights.js';
import { rendered, scoresOn } from '../support/networks.js';

// The bundled networks say the same on a GPU as on the CPU. Runs wherever CUDA is installed.

const obstacle = cudaObstacle();
if (obstacle) console.warn(`tests/golden/cuda.test.ts is skipped but for one test: ${obstacleText(obstacle)}`);

const { models } = await openRepository([fileURLToPath(new URL('../../models', import.meta.url))]);
const bundled = [];
for (const model of models.values()) {
  const [fp32] = variantsOf(model.manifest);
  if (!model.manifest.untrained && model.goldenImage && fp32 && (await isPulled(model, fp32[1]))) bundled.push(model);
}

describe.skipIf(obstacle !== undefined).each(bundled)('$id', (model) => {
  test('gives the same scores on CUDA as on the CPU, in batches of every size', async () => {
    const { input, preprocess, output, batch } = model.manifest;
    const file = weightsPath(model, findVariant(model, 'fp32'));
    const load = async (device: Device) => {
      const spec = { key: model.id, file, labels: model.labels.length, bytes: 0, input, preprocess, output, batch };
      const network = await Network.load(spec, { device, threads: 1, batch: undefined }, new Sessions());
      onTestFinished(() => network.release());
      return network;
    };
    const [cpu, cuda] = [await load('cpu'), await load('cuda-required')];
    expect(cuda.info).toMatchObject({ provider: 'cuda', fallback: undefined });
    console.log(`${model.id} on CUDA: batch ${cuda.info.batch}, left to the CPU: ${cuda.info.layersOnCpu.join(', ')}`);
    const picture = await decode(await readFile(model.goldenImage as string), true, { maxPixels: 50_000_000 });
    const geometry = geometryOf(model.manifest);
    const shown = rendered(picture, geometry, cropViews(picture, geometry, 1));
    const scores = async (network: Network, rows: number) => {
      const inputs = Array.from({ length: rows }, () => shown);
      const { outcomes } = await scoresOn(network, inputs, new InputTensor());
      return outcomes.map((outcome) => ('scores' in outcome ? [...outcome.scores] : outcome.error));
    };
    const [expected] = (await scores(cpu, 1)) as [number[]];
    for (let rows = 1; rows <= cuda.info.batch; rows++) {
      for (const found of (await scores(cuda, rows)) as number[][]) {
        for (const [i, score] of found.entries()) expect(score).toBeCloseTo(expected[i] as number, 2);
      }
    }
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
