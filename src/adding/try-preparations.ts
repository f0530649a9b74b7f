import { setMaxListeners } from 'node:events';
import { createFlow } from '../core/queues/fair-queue.js';
import { Semaphore } from '../core/queues/semaphore.js';
import { viewMean } from '../core/scores/multi-label.js';
import { topK } from '../core/scores/top-k.js';
import { PLAIN_VIEW_OPTIONS } from '../core/views/test-time.js';
import { type Geometry, geometryOf } from '../core/views/views.js';
import type { WorkerPool } from '../runtime/workers/pool.js';
import type { KnownPicture } from './known-pictures.js';
import type { LabelCandidate } from './label-candidates.js';
import { type NetworkToAdd, specOf } from './network-to-add.js';
import type { Preparation } from './preparations.js';

/** A way to feed a network and to read its scores, and how well that answers the known pictures. */
export interface Attempt {
  preparation: Preparation;
  candidate: LabelCandidate;
  /** Logarithm of each picture's probability of its own label, with a lower bound. */
  logs: number[];
  /** Whether each picture's label is the most probable: 1 or 0. */
  hits: number[];
}

export interface TryOptions {
  pool: WorkerPool;
  signal: AbortSignal;
  /** Called after each preparation. */
  onTried(): void;
}

/** Low enough that a network which is sure and wrong pays for it: else too much contrast would look best. */
const LEAST_LOG = Math.log(1e-9);
/** Expected time of a run, where the queue wants to know. */
const RUN_MS = 100;

/**
 * Has the network answer the pictures with each preparation, as the server would.
 * @param candidates in the order of the pictures' truths; equal in number of labels and offset
 * @throws MenagerieError what loading and running throw; the signal's reason
 */
export async function tryPreparations(
  network: NetworkToAdd,
  preparations: readonly Preparation[],
  candidates: readonly LabelCandidate[],
  pictures: readonly KnownPicture[],
  options: TryOptions,
): Promise<Attempt[]> {
  const [first] = candidates;
  if (!first) return [];
  setMaxListeners(0, options.signal);
  const attempts: Attempt[] = [];
  const views = new Map<string, Promise<Uint8Array[]>>();
  for (const [i, preparation] of preparations.entries()) {
    options.signal.throwIfAborted();
    const spec = specOf(network, preparation, first, i);
    // Preparations that differ only in their numbers see the same pixels.
    const geometry = geometryOf(spec);
    const seen = JSON.stringify(geometry);
    const rendered = views.get(seen) ?? renderAll(pictures, geometry, options);
    views.set(seen, rendered);
    const pixels = await rendered;
    await options.pool.load(spec, options.pool.size);
    try {
      const answers = await Promise.all(
        pixels.map(async (data, p) => {
          const { scores } = await options.pool.run(spec.key, { name: `${i} ${p}`, rows: 1, data }, turn(options));
          return viewMean(spec.output.multi_label)(scores, spec.labels, [1], spec.output.kind, 'probabilities');
        }),
      );
      for (const [c, candidate] of candidates.entries()) {
        const truths = pictures.map(({ truths }) => truths[c] ?? -1);
        attempts.push({ preparation, candidate, ...score(answers, truths) });
      }
    } finally {
      await options.pool.unload(spec.key);
    }
    options.onTried();
  }
  return attempts;
}

function score(answers: readonly Float32Array[], truths: readonly number[]): Pick<Attempt, 'logs' | 'hits'> {
  const hits: number[] = [];
  const logs = answers.map((probabilities, p) => {
    const truth = truths[p] ?? -1;
    hits.push(topK(probabilities, 1)[0]?.index === truth ? 1 : 0);
    const sum = probabilities.reduce((total, value) => total + value, 0);
    return Math.max(LEAST_LOG, Math.log((probabilities[truth] ?? 0) / sum));
  });
  return { logs, hits };
}

function renderAll(pictures: readonly KnownPicture[], geometry: Geometry, options: TryOptions): Promise<Uint8Array[]> {
  const aFew = new Semaphore(2 * options.pool.size);
  return Promise.all(
    pictures.map(({ read }) => aFew.run(async () => renderOne(await read(), geometry, options), options.signal)),
  );
}

async function renderOne(bytes: Uint8Array, geometry: Geometry, options: TryOptions): Promise<Uint8Array> {
  const renderings = [{ geometry, viewOptions: PLAIN_VIEW_OPTIONS }];
  const result = await options.pool.render({ bytes, heavy: false }, { autoOrient: true, renderings }, turn(options));
  const [rendered] = result.renderings;
  if (!rendered) throw new Error('a picture without views');
  return rendered.pixels;
}

function turn({ signal }: TryOptions) {
  return { flow: createFlow(), cost: 1, ms: RUN_MS, signal };
}
