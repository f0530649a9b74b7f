import { expect, test } from 'vitest';
import { minimise } from '../../../src/training/inside/lbfgs.js';

const OPTIONS = { tolerance: 1e-4, maxIterations: 200 };

test('finds the minimum of Rosenbrock’s valley', async () => {
  const valley = async ([x = 0, y = 0]: Float32Array) => ({
    value: (1 - x) ** 2 + 100 * (y - x * x) ** 2,
    gradient: Float32Array.of(-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)),
  });
  const [x, y] = await minimise(valley, Float32Array.of(-1.2, 1), OPTIONS);
  expect(x).toBeCloseTo(1, 3);
  expect(y).toBeCloseTo(1, 3);
});

test('solves a badly scaled quadratic of more unknowns than pairs are kept', async () => {
  const scale = (i: number) => 10 ** ((i % 5) - 2);
  const bowl = async (point: Float32Array) => ({
    value: point.reduce((sum, x, i) => sum + (scale(i) / 2) * (x - i) ** 2, 0),
    gradient: point.map((x, i) => scale(i) * (x - i)),
  });
  const found = await minimise(bowl, new Float32Array(37), { tolerance: 1e-5, maxIterations: 500 });
  for (const [i, x] of found.entries()) expect(x).toBeCloseTo(i, 1);
});

test('returns the start where the gradient is 0, and the best point where nothing is better', async () => {
  const flat = async (point: Float32Array) => ({ value: 1, gradient: new Float32Array(point.length) });
  expect(await minimise(flat, Float32Array.of(3, 4), OPTIONS)).toEqual(Float32Array.of(3, 4));
  // The gradient points the wrong way, as rounding may make it.
  const wrong = async ([x = 0]: Float32Array) => ({ value: x * x, gradient: Float32Array.of(-2 * x - 1) });
  expect(await minimise(wrong, Float32Array.of(0), OPTIONS)).toEqual(Float32Array.of(0));
});
