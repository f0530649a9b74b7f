import type { Provider } from '../device/providers.js';

/** Batch sizes that are tried on a CPU, each only if the one before was faster. */
const SIZES = [4, 16];
/** The same for a GPU. */
const GPU_SIZES = [2, 4, 8, 16, 32];
/** Share of the time per row that a larger batch must save, to be worth the longer wait. */
const GAIN = 0.15;
/**
 * A network that takes longer than this for one row keeps a CPU core busy without batches, and trying takes long. Measured from 10 to
 * 25 ms: MobileNetV2, SqueezeNet 1.1 and EfficientNet-Lite gain at most 5 %.
 */
const SLOW_MS = 10;
const REPEATS = 3;

/**
 * Measures how many rows a run should have. On a GPU it also runs every smaller number of rows once: the first run of each number
 * searches for the fastest kernels, and no request should wait for that.
 * @param run runs the network on so many rows, and returns the milliseconds that this took
 * @param wanted the configured size, which is then used if it works at all
 * @returns the maximum number of rows, and milliseconds per row in a run of that size
 * @throws what running one row throws; a larger size that fails is too large
 */
export async function bestBatch(
  run: (rows: number) => Promise<number>,
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

/** Milliseconds of the fastest run, the first not counted: it is slower, and the fastest was disturbed least. */
async function fastest(run: (rows: number) => Promise<number>, rows: number): Promise<number> {
  await run(rows);
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < REPEATS; i++) best = Math.min(best, await run(rows));
  return best;
}
