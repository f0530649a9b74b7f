import { MenagerieError } from '../core/errors.js';
import type { WorkerPool } from '../runtime/workers/pool.js';
import type { LabelCandidate } from './label-candidates.js';
import { type NetworkToAdd, specOf } from './network-to-add.js';
import type { Preparation } from './preparations.js';

/** What loading a network shows. */
interface Settled {
  network: NetworkToAdd;
  /** The labels that fit its number of scores. */
  candidates: LabelCandidate[];
}

/**
 * Finds out what a graph does not say: how many scores it gives, and whether they are probabilities although it does not end in softmax
 * or sigmoid. Scikit-learn's classifiers say neither.
 * @param preparation any: the trial at load tells
 * @returns what was given, if the network can be loaded in no way; trying it says why
 * @throws MenagerieError what loading throws
 */
export async function settle(
  network: NetworkToAdd,
  preparation: Preparation,
  candidates: LabelCandidate[],
  pool: Pick<WorkerPool, 'load' | 'unload'>,
): Promise<Settled> {
  const { form } = network;
  const probable = { ...network, form: { ...form, output: { ...form.output, kind: 'probabilities' as const } } };
  for (const candidate of candidates) {
    for (const claimed of form.output.kind === 'logits' ? [network, probable] : [network]) {
      const spec = specOf(claimed, preparation, candidate, 0);
      try {
        await pool.load(spec, 1);
      } catch (error) {
        if (error instanceof MenagerieError && error.code === 'signature_mismatch') continue;
        throw error;
      }
      await pool.unload(spec.key);
      const { labels, offset } = candidate;
      const fits = (other: LabelCandidate) => other.labels.length === labels.length && other.offset === offset;
      return { network: claimed, candidates: form.scores === undefined ? candidates.filter(fits) : candidates };
    }
  }
  return { network, candidates };
}
