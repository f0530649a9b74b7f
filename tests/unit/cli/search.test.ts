import { describe, expect, it } from 'vitest';
import { RowsInMemory } from '../../../src/cli/features/feature-table.js';
import { closestPairs, nearestRows } from '../../../src/cli/features/search.js';
import { never } from '../../support/networks.js';

/** Rows at these angles in a plane, with so many values that a block holds two of them. */
function rowsAt(degrees: readonly number[]): RowsInMemory {
  const size = 2 ** 21;
  const values = new Float32Array(degrees.length * size);
  for (const [i, angle] of degrees.entries()) {
    values[i * size] = 7 * Math.cos((angle * Math.PI) / 180);
    values[(i + 1) * size - 1] = 7 * Math.sin((angle * Math.PI) / 180);
  }
  return new RowsInMemory(values, size);
}
const cosine = (degrees: number) => expect.closeTo(Math.cos((degrees * Math.PI) / 180), 6);

describe('exact search over several blocks', () => {
  it('finds the nearest rows of each query', async () => {
    const rows = rowsAt([0, 90, 10, 25, 80]);
    const found = await nearestRows(rows, await rows.read(2, 1), 3, never);
    expect(found.map(({ items }) => items)).toEqual([
      [
        { item: 2, similarity: cosine(0) },
        { item: 0, similarity: cosine(10) },
        { item: 3, similarity: cosine(15) },
      ],
    ]);
  });

  it('finds every pair once, and keeps the closest', async () => {
    const rows = rowsAt([0, 90, 10, 25, 80]);
    const min = Math.cos((26 * Math.PI) / 180);
    const progress: number[] = [];
    const pairs = await closestPairs(rows, { min, most: 2 }, never, (part) => progress.push(part));
    expect(pairs.items.map(({ item }) => item)).toEqual([
      [0, 2],
      [1, 4],
    ]);
    // 10 and 25, 0 and 25.
    expect(pairs.dropped).toBe(2);
    expect(progress.every((part) => part > 0 && part <= 1)).toBe(true);
  });

  it('ends when it is stopped', async () => {
    const rows = new RowsInMemory(new Float32Array(20_000 * 64).fill(1), 64);
    const abort = new AbortController();
    const searching = closestPairs(rows, { min: 2, most: 1 }, abort.signal, () => abort.abort(new Error('stopped')));
    await expect(searching).rejects.toThrow('stopped');
  });
});
