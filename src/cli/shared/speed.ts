import { inputShape } from '../../core/manifest/input-shape.js';
import { median } from '../../core/median.js';
import { createFlow } from '../../core/queues/fair-queue.js';
import { createRandom } from '../../core/random.js';
import { countOf } from '../../core/shape.js';
import type { WorkerPool } from '../../runtime/workers/pool.js';
import type { ServedModel } from '../../serving/models/model.js';

/** How fast the workers run a model, without the time to decode and render pictures. */
export interface Speed {
  /** Images per second, with all workers busy. */
  imagesPerS: number;
  /** Median for one picture at a time, in ms. */
  latencyMs: number;
}

/** Each figure is measured in this many parts, of which the best counts: other processes may disturb some. */
const PARTS = 3;

/**
 * Measures a loaded model on noise: from pixels to scores.
 * @param ms how long to measure each of the two figures, in ms
 * @throws the signal's reason; errors of running
 */
export async function speedOf(
  pool: WorkerPool,
  { key, folder, info }: ServedModel,
  ms: number,
  signal: AbortSignal,
): Promise<Speed> {
  const random = createRandom(1);
  const noise = new Uint8Array(countOf(inputShape(folder.manifest, 1)));
  for (let i = 0; i < noise.length; i++) noise[i] = random.integer(256);
  let runs = 0;
  const run = () => {
    // A new name for each run: a worker would reuse its last tensor for views of the same name.
    const views = { name: `noise ${++runs}`, rows: 1, data: noise };
    return pool.run(key, views, { flow: createFlow(), cost: 1, ms: info.viewMs, signal: new AbortController().signal });
  };
  /** Milliseconds of each run, with `inFlight` runs at a time. */
  const measure = async (inFlight: number) => {
    const until = performance.now() + ms / PARTS;
    const took: number[] = [];
    const loop = async () => {
      while (performance.now() < until) {
        signal.throwIfAborted();
        const started = performance.now();
        await run();
        took.push(performance.now() - started);
      }
    };
    await Promise.all(Array.from({ length: inFlight }, loop));
    return took;
  };
  const speed: Speed = { imagesPerS: 0, latencyMs: Number.POSITIVE_INFINITY };
  await run();
  for (let part = 0; part < PARTS; part++) {
    speed.latencyMs = Math.min(speed.latencyMs, median(await measure(1)));
    const started = performance.now();
    const together = await measure(2 * pool.size * info.batch);
    speed.imagesPerS = Math.max(speed.imagesPerS, (together.length * 1000) / (performance.now() - started));
  }
  return speed;
}
