import { readFile } from 'node:fs/promises';
import { createFlow } from '../core/fair-queue.js';
import { median } from '../core/median.js';
import type { Picture } from '../core/picture.js';
import { createRandom } from '../core/random.js';
import { cropViews, geometryOf } from '../core/views.js';
import { decode } from '../imaging/decode.js';
import type { LanePool } from '../runtime/lane-pool.js';
import type { ServedModel } from '../serving/model.js';
import type { ModelFolder } from '../zoo/repository.js';

/** How fast pictures go through the lanes, decoding left aside. */
export interface Speed {
  /** With all lanes busy. */
  imagesPerS: number;
  /** Median of a lone picture, in ms. */
  latencyMs: number;
}

/** Pixels of the picture that stands in for others: about what photographs on the web have. */
const USUAL = { width: 500, height: 375 };

/** The golden picture of a model, or noise where it has none. */
export async function samplePicture({ goldenImage }: ModelFolder, limits: { maxPixels: number }): Promise<Picture> {
  if (goldenImage !== undefined) {
    return await decode(await readFile(goldenImage), true, limits);
  }
  const random = createRandom(1);
  const data = Uint8Array.from({ length: USUAL.width * USUAL.height * 3 }, () => random.integer(256));
  return { ...USUAL, data };
}

/** Machines are never quiet: each figure is measured in so many parts, and the least disturbed counts. */
const PARTS = 3;

/**
 * Measures a loaded model: preprocessing and network, from picture to scores.
 * @param ms how long each of the two figures is measured for
 * @throws the signal's reason, and what running throws
 */
export async function speedOf(
  pool: LanePool,
  { key, folder, info }: ServedModel,
  picture: Picture,
  ms: number,
  signal: AbortSignal,
): Promise<Speed> {
  const views = cropViews(picture, geometryOf(folder.manifest), 1);
  const run = () => {
    // A lane takes the bytes away with it, so each run gets its own.
    const own = { ...picture, data: picture.data.slice() };
    return pool.run(
      key,
      { picture: own, views },
      { flow: createFlow(), cost: 1, signal: new AbortController().signal },
    );
  };
  /** Milliseconds of each run, so many at a time. */
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
