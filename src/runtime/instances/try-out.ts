import { concatenated } from '../../core/concatenate.js';
import { bestBatch } from '../networks/best-batch.js';
import { checkScoreCount } from '../networks/class-scores.js';
import type { NetworkSpec } from '../networks/network-spec.js';
import type { RunSettings } from '../networks/session.js';
import type { Signature } from '../networks/signature.js';
import { Trial } from '../networks/trial.js';
import type { Forward, Outputs } from './forward.js';
import type { TriedOut } from './sessions.js';

/**
 * Runs a network for the first time: checks its scores against the manifest, and measures the best batch size. A head on a session
 * that was tried out on the same tensors is tried on the features that these gave: that takes a moment, where running the base would
 * hold up the requests that wait for it.
 * @param lane names the session and how pixels become tensors
 * @throws MenagerieError `signature_mismatch`, `scores_not_finite`; what the runtime throws
 */
export async function tryOut(
  forward: Forward,
  signature: Signature,
  lane: string,
  spec: NetworkSpec,
  settings: RunSettings,
): Promise<TriedOut> {
  const { head, session } = forward.runnable;
  const trial = new Trial(spec, signature);
  const before = session.tried.get(lane);
  if (head && before?.features) {
    await tryHead(forward, trial, spec, before.features);
    return { ...before, largestRun: 1 };
  }
  // Networks that share a session have equal batches, so that they can share runs.
  const [other] = session.tried.values();
  const wanted = signature.takesBatches ? (settings.batch ?? spec.rows ?? other?.batch) : 1;
  const found = await tryNetwork(forward, trial, spec, wanted);
  session.tried.set(lane, found);
  return found;
}

async function tryNetwork(
  forward: Forward,
  trial: Trial,
  spec: NetworkSpec,
  wanted: number | undefined,
): Promise<TriedOut> {
  const ofPictures: Float32Array[] = [];
  let hasFeatures = await givesFeatures(forward, trial);
  let largestRun = 1;
  const run = async (rows: number) => {
    largestRun = Math.max(largestRun, rows);
    const input = trial.input(rows);
    const fetches = new Set([...forward.fetches('scores'), ...(hasFeatures ? forward.fetches('features') : [])]);
    const began = performance.now();
    const given = await forward.run(input, rows, [...fetches]);
    const stated = await forward.stated(given, rows);
    const ms = performance.now() - began;
    check(forward, trial, spec, stated, rows);
    const features = hasFeatures ? featuresOf(forward, given, rows) : undefined;
    hasFeatures = features !== undefined;
    if (features && rows === 1) ofPictures.push(features);
    return ms;
  };
  const best = await bestBatch(run, forward.runnable.session.provider, wanted);
  return { ...best, largestRun, features: hasFeatures ? ofPictures : undefined };
}

/** @param features of the trial's pictures, in their order */
async function tryHead(
  forward: Forward,
  trial: Trial,
  spec: NetworkSpec,
  features: readonly Float32Array[],
): Promise<void> {
  for (const alone of features) check(forward, trial, spec, await forward.ofFeatures(alone, 1), 1);
  const rows = features.length;
  check(forward, trial, spec, await forward.ofFeatures(concatenated(features), rows), rows);
}

function check(forward: Forward, trial: Trial, spec: NetworkSpec, stated: Outputs, rows: number): void {
  if (rows === 1) checkScoreCount(stated[spec.output.name]?.dims ?? [], spec);
  trial.check(forward.scores(stated, rows).scores, rows);
}

/** Whether a run gives features, which are numbers. What is wrong with them is no reason to refuse a network. */
async function givesFeatures(forward: Forward, trial: Trial): Promise<boolean> {
  const fetches = forward.fetches('features');
  if (fetches.length === 0) return false;
  const outputs = await forward.run(trial.input(1), 1, fetches).catch(() => undefined);
  return outputs !== undefined && featuresOf(forward, outputs, 1) !== undefined;
}

/** The features of some rows; undefined unless there is one row of numbers for each view. */
function featuresOf(forward: Forward, outputs: Outputs, rows: number): Float32Array | undefined {
  try {
    return forward.features(outputs, rows).scores;
  } catch {
    return undefined;
  }
}
