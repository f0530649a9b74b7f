import { MenagerieError, toMenagerieError } from '../core/errors.js';
import { countOf } from '../core/shape.js';
import type { TailCut } from '../onnx/gradient/tail.js';
import type { BaseNetwork } from './base-network.js';
import type { FeatureCache } from './cache/feature-cache.js';
import { chooseDepth, type Depth } from './tail/choose-depth.js';
import type { Trainer } from './trainer.js';

/** How deep a training goes, decided before anything is computed. */
export interface DepthPlan {
  asked: Depth;
  /** Where the last layers begin that are trained too; undefined: only a classifier is. */
  cut: TailCut | undefined;
  /** In plain words. */
  why: string;
}

/** What keeps layers from being trained, and not a classifier. */
const OBSTACLES: ReadonlySet<string> = new Set(['not_trainable', 'too_little_disk', 'memory_exceeded']);

/**
 * Plans how deep to train, and checks that it can be done. If the depth was left to us, an obstacle means a classifier alone.
 * @param pictures numbers to train on, and in all
 * @throws MenagerieError `not_trainable`, `too_little_disk`, `memory_exceeded`; what the trainer throws; the signal's reason
 */
export async function planDepth(
  asked: Depth,
  pictures: { train: number; all: number },
  base: BaseNetwork,
  { cache }: { cache: FeatureCache },
  trainer: Trainer,
  signal: AbortSignal,
): Promise<DepthPlan> {
  const { depth, why } = chooseDepth(asked, pictures.train);
  if (depth === 'head') return { asked, cut: undefined, why };
  try {
    const cut = await cutOf(base, depth, trainer, signal);
    const sizes = [base.size, countOf(cut.dims)];
    await cache.assertRoom(sizes.map((size) => ({ pictures: pictures.all, size })));
    return { asked, cut, why };
  } catch (error) {
    const { code, message } = toMenagerieError(error);
    if (asked !== 'auto' || !OBSTACLES.has(code)) throw error;
    return { asked, cut: undefined, why: `${why} That is not possible: ${message}` };
  }
}

/** @throws MenagerieError `not_trainable` */
async function cutOf(
  { source, file }: BaseNetwork,
  depth: TailCut['depth'],
  trainer: Trainer,
  signal: AbortSignal,
): Promise<TailCut> {
  const { id, variant } = source.model;
  if (variant !== 'fp32') {
    throw new MenagerieError(
      'not_trainable',
      `The last layers of ${id} can only be trained in fp32, not in ${variant}.`,
    );
  }
  const [cut] = await trainer.tailCuts(file.file, file.output, [depth], signal);
  if (!cut) throw new Error('the trainer found no cut');
  return cut;
}
