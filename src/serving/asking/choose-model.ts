import { MenagerieError } from '../../core/errors.js';
import type { ServedModel } from '../models/model.js';

/** The model for a request that names none, and why it was chosen. */
export interface Choice {
  id: string;
  because: string;
}

/**
 * Chooses the model for a request that names none: the configured one; else among the serving models, one for photographs before one
 * for digits, then the one with the most classes, then the one with the best top-1 accuracy in its manifest.
 * @throws MenagerieError `model_not_ready` if none serves
 */
export function chooseModel(serving: readonly ServedModel[], configured: string | undefined): Choice {
  if (configured !== undefined) return { id: configured, because: 'it is the configured default' };
  const [best, ...others] = [...serving].sort(
    (a, b) =>
      Number(isForDigits(a)) - Number(isForDigits(b)) ||
      b.info.classes - a.info.classes ||
      (top1Of(b) ?? 0) - (top1Of(a) ?? 0) ||
      (a.id < b.id ? -1 : 1),
  );
  if (!best)
    throw new MenagerieError('model_not_ready', 'No model is ready; GET /models says why.', { retryAfterS: 2 });
  if (others.length === 0) return { id: best.id, because: 'it is the only model that serves' };
  const top1 = top1Of(best);
  const accuracy = top1 === undefined ? '' : ` and a top-1 accuracy of ${top1} %`;
  const kind = isForDigits(best) ? 'digits' : 'photographs';
  return {
    id: best.id,
    because: `of ${serving.length} models that serve it is the best for ${kind}, with ${best.info.classes} classes${accuracy}; name another with ?model=`,
  };
}

function isForDigits({ folder: { manifest } }: ServedModel): boolean {
  return manifest.preprocess.resize.mode === 'digit';
}

function top1Of({ folder: { manifest }, variant }: ServedModel): number | undefined {
  return manifest.variants[variant]?.top1;
}
