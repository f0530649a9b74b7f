import { MenagerieError } from '../../core/errors.js';
import type { ServedModel } from '../models/model.js';

/** A model that could answer. */
export type Candidate = Pick<ServedModel, 'folder' | 'variant'>;

/** The model for a request that names none, and why it was chosen. */
export interface Choice {
  id: string;
  because: string;
}

/**
 * The models from the best for photographs on: those for photographs before those for digits, then those with more classes, then those
 * with a higher top-1 accuracy in their manifest.
 */
export function ranked(models: readonly Candidate[]): Candidate[] {
  return [...models].sort(
    (a, b) =>
      Number(isForDigits(a)) - Number(isForDigits(b)) ||
      b.folder.labels.length - a.folder.labels.length ||
      (top1Of(b) ?? 0) - (top1Of(a) ?? 0) ||
      (a.folder.id < b.folder.id ? -1 : 1),
  );
}

/**
 * Chooses the model for a request or a command that names none: the configured one; else the best for photographs of those that serve.
 * @throws MenagerieError `model_not_ready` if none serves
 */
export function chooseModel(serving: readonly Candidate[], configured: string | undefined): Choice {
  if (configured !== undefined) return { id: configured, because: 'it is the configured default' };
  const [best, ...others] = ranked(serving);
  if (!best)
    throw new MenagerieError('model_not_ready', 'No model is ready; GET /models says why.', { retryAfterS: 2 });
  const { id, labels } = best.folder;
  if (others.length === 0) return { id, because: 'it is the only model that serves' };
  const top1 = top1Of(best);
  const accuracy = top1 === undefined ? '' : ` and a top-1 accuracy of ${top1} %`;
  const kind = isForDigits(best) ? 'digits' : 'photographs';
  return {
    id,
    because: `of ${serving.length} models that serve it is the best for ${kind}, with ${labels.length} classes${accuracy}; name another with ?model=`,
  };
}

function isForDigits({ folder: { manifest } }: Candidate): boolean {
  return manifest.preprocess.resize.mode === 'digit';
}

function top1Of({ folder: { manifest }, variant }: Candidate): number | undefined {
  return manifest.variants[variant]?.top1;
}
