import { describe, expect, test } from 'vitest';
import { createRandom } from '../../../src/core/random.js';
import { GraphSession, type GraphValues } from '../../../src/runtime/networks/graph-session.js';
import {
  gradientOf,
  HIDDEN_BIAS,
  HIDDEN_WEIGHTS,
  OUTPUT_BIAS,
  OUTPUT_WEIGHTS,
  PROBABILITIES,
  ROW_LOSS,
  softmaxGraph,
} from '../../../src/training/inside/softmax-graph.js';

const [ROWS, SIZE, CLASSES, UNITS] = [7, 5, 3, 4];
const random = createRandom(3);
const normal = (...dims: number[]): GraphValues => ({
  values: Float32Array.from({ length: dims.reduce((a, b) => a * b) }, () => random.normal()),
  dims,
});

describe.each([false, true])('with a hidden layer: %s', (hasHidden) => {
  const weights: Record<string, GraphValues> = {
    [OUTPUT_WEIGHTS]: normal(CLASSES, hasHidden ? UNITS : SIZE),
    [OUTPUT_BIAS]: normal(CLASSES),
    ...(hasHidden ? { [HIDDEN_WEIGHTS]: normal(UNITS, SIZE), [HIDDEN_BIAS]: normal(UNITS) } : {}),
  };
  const rowWeights = Float32Array.from({ length: ROWS }, () => random.uniform(0, 2));
  const targets = new Float32Array(ROWS * CLASSES);
  for (let row = 0; row < ROWS; row++) targets[row * CLASSES + (row % CLASSES)] = 1;
  const feeds = {
    rows: normal(ROWS, SIZE),
    targets: { values: targets, dims: [ROWS, CLASSES] },
    row_weights: { values: rowWeights, dims: [ROWS, 1] },
  };
  const loss = async (session: GraphSession, changed: Record<string, GraphValues>) => {
    const output = await session.run({ ...feeds, ...changed }, [ROW_LOSS]);
    return output(ROW_LOSS).reduce((sum, each, row) => sum + each * (rowWeights[row] ?? 0), 0);
  };

  test.each(Object.keys(weights))('the gradient of %s is that of finite differences', async (name) => {
    const session = await GraphSession.open(softmaxGraph(hasHidden), 'Testing');
    const { values, dims } = weights[name] as GraphValues;
    const output = await session.run({ ...feeds, ...weights }, [gradientOf(name)]);
    const gradient = output(gradientOf(name));
    for (const [i, slope] of gradient.entries()) {
      const shifted = (by: number) => {
        const copy = Float32Array.from(values as Float32Array);
        copy[i] = (copy[i] ?? 0) + by;
        return loss(session, { ...weights, [name]: { values: copy, dims } });
      };
      const STEP = 0.01;
      expect(slope).toBeCloseTo(((await shifted(STEP)) - (await shifted(-STEP))) / (2 * STEP), 2);
    }
    await session.release();
  });

  test('probabilities sum to 1, and the loss of a row is minus the logarithm of its class', async () => {
    const session = await GraphSession.open(softmaxGraph(hasHidden), 'Testing');
    const output = await session.run({ ...feeds, ...weights }, [PROBABILITIES, ROW_LOSS]);
    const probabilities = output(PROBABILITIES);
    for (const [row, loss] of output(ROW_LOSS).entries()) {
      const own = probabilities.subarray(row * CLASSES, (row + 1) * CLASSES);
      expect(own.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
      expect(loss).toBeCloseTo(-Math.log(own[row % CLASSES] ?? 0), 5);
    }
    await session.release();
  });
});
