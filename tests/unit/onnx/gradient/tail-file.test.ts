import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { bytesInMemory } from '../../../../src/core/byte-source.js';
import { countOf } from '../../../../src/core/shape.js';
import { graphOutput } from '../../../../src/onnx/file/graph-output.js';
import { readModel } from '../../../../src/onnx/file/model.js';
import { tailCuts } from '../../../../src/onnx/gradient/tail-cuts.js';
import { fileWithTail } from '../../../../src/onnx/gradient/tail-file.js';
import { floats, noise, runOnce, shapesOf, trainingFeeds, trainingGraph } from '../../../support/graphs.js';

const ROWS = 2;

// One with batch normalisation folded, one with weights that are stored as integers, one of fully connected layers.
describe.each<[file: string, size: number, features: string]>([
  ['cifar10-resnet20', 32, 'flatten'],
  ['efficientnet-lite0', 224, 'flatten'],
  ['cifar10-alexnet', 32, 'relu7'],
])('%s', (name, size, features) => {
  const bytes = readFileSync(fileURLToPath(new URL(`../../../../models/${name}/${name}.onnx`, import.meta.url)));
  const model = readModel(bytesInMemory(bytes));
  const pictures = floats(noise(1, ROWS * 3 * size * size), [ROWS, 3, size, size]);

  test('keeps its answers where nothing was trained, and takes new weights', async () => {
    const [cut] = tailCuts(model, await shapesOf(bytes), 'logits', ['stage']);
    if (!cut) throw new Error('there is no cut');
    const graph = await trainingGraph(bytes, cut, 2);
    const before = await runOnce(Buffer.concat([bytes, graphOutput(cut.tensor)]), { input: pictures });
    const unchanged = await runOnce(fileWithTail(bytes, cut, graph.weights), { input: pictures });
    expectNear(unchanged.logits, before.logits);

    const trained = graph.weights.map(({ values, ...rest }) => ({
      ...rest,
      values: values.map((value) => 1.1 * value),
    }));
    const file = fileWithTail(bytes, cut, trained);
    const after = await runOnce(Buffer.concat([file, graphOutput(features)]), { input: pictures });
    const targets = floats(new Float32Array(2 * ROWS), [ROWS, 2]);
    const feeds = trainingFeeds({ ...graph, weights: trained }, before[cut.tensor] as Tensor, targets);
    const own = await runOnce(graph.bytes, feeds);
    expectNear(own.features, after[features]);
    expect(Math.max(...differences(after.logits, before.logits))).toBeGreaterThan(0.01);
  });

  test('is trained again from the file that training wrote', async () => {
    const [cut] = tailCuts(model, await shapesOf(bytes), 'logits', ['last-block']);
    if (!cut) throw new Error('there is no cut');
    const { weights } = await trainingGraph(bytes, cut, 2);
    const file = fileWithTail(bytes, cut, weights);
    const again = readModel(bytesInMemory(file));
    const tail = new Set(weights.map((weight) => weight.name));
    expect([...again.initializers.keys()].filter((key) => tail.has(key)).length).toBe(weights.length - 2);
    const [second] = tailCuts(again, await shapesOf(file), 'logits', ['last-block']);
    expect(second?.weights).toBe(weights.slice(0, -2).reduce((sum, { dims }) => sum + countOf(dims), 0));
    const same = second && (await trainingGraph(file, second, 2)).weights;
    expect(same?.every(({ values }, i) => bytesOf(values).equals(bytesOf(weights[i]?.values)))).toBe(true);
  });
});

function differences(a: Tensor | undefined, b: Tensor | undefined): number[] {
  if (!(a?.data instanceof Float32Array && b?.data instanceof Float32Array)) throw new Error('a tensor is missing');
  const others = b.data;
  expect(a.dims).toEqual(b.dims);
  return Array.from(a.data, (value, i) => Math.abs(value - (others[i] ?? Number.NaN)));
}

function expectNear(a: Tensor | undefined, b: Tensor | undefined): void {
  expect(Math.max(...differences(a, b))).toBeLessThan(1e-4);
}

function bytesOf(values: Float32Array | undefined): Buffer {
  return Buffer.from(values?.buffer ?? new ArrayBuffer(0));
}
