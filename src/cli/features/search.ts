import { setImmediate as nextTurn } from 'node:timers/promises';
import { cosineOfRows } from '../../core/features/cosine.js';
import { Highest } from '../../core/features/highest.js';
import type { UnitRows } from './feature-table.js';

// Exact search: every row is compared with every other. Memory holds two blocks of rows.

/** Values of a block: 16 MiB. */
const BLOCK_VALUES = 2 ** 22;
/** Multiply-adds between two looks at the signal: some 50 ms. */
const WORK_AT_ONCE = 5e7;

/**
 * The most similar rows for each query.
 * @param queries queries x size, each of length 1
 * @param most rows for each query
 * @returns indices of rows, with their cosines
 * @throws the signal's reason
 */
export async function nearestRows(
  rows: UnitRows,
  queries: Float32Array,
  most: number,
  signal: AbortSignal,
): Promise<Highest<number>[]> {
  const { size } = rows;
  const found = Array.from({ length: queries.length / size }, () => new Highest<number>(most));
  const breath = new Breath(signal);
  for await (const { block, start, count } of blocksOf(rows, 0)) {
    for (const [q, highest] of found.entries()) {
      for (let i = 0; i < count; i++) {
        highest.add(cosineOfRows(queries, q, block, i, size), () => start + i);
      }
      await breath.after(count * size);
    }
  }
  return found;
}

/**
 * The pairs of rows that are at least as similar as `min`.
 * @param most pairs that are kept
 * @param onProgress called now and then with the part that is done, 0 to 1
 * @throws the signal's reason
 */
export async function closestPairs(
  rows: UnitRows,
  { min, most }: { min: number; most: number },
  signal: AbortSignal,
  onProgress: (part: number) => void,
): Promise<Highest<readonly [number, number]>> {
  const { size, count: all } = rows;
  const highest = new Highest<readonly [number, number]>(most);
  const breath = new Breath(signal);
  let compared = 0;
  for await (const first of blocksOf(rows, 0)) {
    for await (const second of blocksOf(rows, first.start)) {
      for (let i = 0; i < first.count; i++) {
        const row = first.start + i;
        for (let j = Math.max(0, row + 1 - second.start); j < second.count; j++) {
          const cosine = cosineOfRows(first.block, i, second.block, j, size);
          if (cosine >= min) highest.add(cosine, () => [row, second.start + j]);
        }
        compared += second.count;
        if (await breath.after(second.count * size)) onProgress(Math.min(1, (2 * compared) / (all * (all + 1))));
      }
    }
  }
  return highest;
}

/** The rows from one on, block by block. */
async function* blocksOf(rows: UnitRows, from: number) {
  const most = Math.max(1, Math.floor(BLOCK_VALUES / rows.size));
  for (let start = from; start < rows.count; start += most) {
    const count = Math.min(most, rows.count - start);
    yield { block: await rows.read(start, count), start, count };
  }
}

/** Lets signals and output through during long work. */
class Breath {
  readonly #signal: AbortSignal;
  #work = 0;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** @returns whether it paused @throws the signal's reason */
  async after(work: number): Promise<boolean> {
    this.#work += work;
    if (this.#work < WORK_AT_ONCE) return false;
    this.#work = 0;
    await nextTurn();
    this.#signal.throwIfAborted();
    return true;
  }
}
