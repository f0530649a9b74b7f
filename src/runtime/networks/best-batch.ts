import type { Provider } from '../device/providers.js';

/** Sizes that are tried, each only if the one before paid. */
const SIZES = [4, 16];
/** The same on a GPU. */
const GPU_SIZES = [2, 4, 8, 16, 32];
/** Time for a row that a larger batch must save to be worth its wait. */
const GAIN = 0.15;
/** Networks that take longer on one picture keep a CPU's core busy by themselves. */
const SLOW_MS = 20;
const REPEATS = 3;

/**
 * Measures how many rows a run should take. On a GPU every number of rows up to that has been run then: the first run of each
 * looks for the fastest kernels, and no request should wait for that.
 * @param run runs the network on so many rows of zeros
 * @param wanted as configured: it is not measured against other sizes then
 * @returns most rows of a run, and milliseconds for one row of such a run
 * @throws what running one row throws; a size that fails is taken as too large
 */
export async function bestBatch(
  run: (rows: number) => Promise<unknown>,
  provider: Provider,
  wanted: number | undefined,
): Promise<{ batch: number; viewMs: number }> {
  let best = { batch: 1, viewMs: await fastest(run, 1) };
  if (wanted === 1 || (wanted === undefined && provider === 'cpu' && best.viewMs > SLOW_MS)) return best;
  const sizes = wanted === undefined ? (provider === 'cpu' ? SIZES : GPU_SIZES) : [wanted];
  for (const batch of sizes) {
    const viewMs = await fastest(run, batch).then(
      (ms) => ms / batch,
      () => Number.POSITIVE_INFINITY,
    );
    const pays = viewMs < best.viewMs * (1 - GAIN) || (wanted !== undefined && Number.isFinite(viewMs));
    if (!pays) break;
    best = { batch, viewMs };
  }
  if (provider === 'cuda') for (let rows = 2; rows < best.batch; rows++) await run(rows);
  return best;
}

/** The first run of a size is slower than the others; of those the fastest was disturbed least. */
async function fastest(run: (rows: number) => Promise<unknown>, rows: number): Promise<number> {
  await run(rows);
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < REPEATS; i++) {
    const started = performance.now();
    await run(rows);
    best = Math.min(best, performance.now() - started);
  }
  return best;
}
