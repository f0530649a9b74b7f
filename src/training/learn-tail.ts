import { countOf } from '../core/shape.js';
import { parseAugmentation } from '../core/views/test-time.js';
import type { HeadWeights } from '../onnx/cut/head-file.js';
import type { TailCut } from '../onnx/gradient/tail.js';
import type { FeatureSource } from '../serving/features.js';
import type { BaseNetwork } from './base-network.js';
import type { FeatureCache } from './cache/feature-cache.js';
import { applyHead } from './head/apply-head.js';
import { type Learned, surest } from './learn-head.js';
import type { DepthPlan } from './plan-depth.js';
import type { FeatureTable } from './read-features.js';
import type { TailReport, TrainingReport } from './report/training-report.js';
import type { StepTimes } from './step-times.js';
import { Activations } from './tail/activations.js';
import type { TailResult } from './tail/tail-task.js';
import type { Trainer } from './trainer.js';
import type { TransferRequest } from './transfer-request.js';

/** What training the last layers uses. */
export interface TailTools {
  /** Opens a network whose features are the activations at a cut. */
  openCut(base: BaseNetwork, cut: TailCut): Promise<FeatureSource>;
  cache: FeatureCache;
  maxBytes: number;
}

/** Last layers that are better than those of the base. */
interface KeptTail {
  cut: TailCut;
  head: HeadWeights;
  learned: Learned;
}

/** What came of it. */
export interface TailOutcome {
  depth: TrainingReport['depth'];
  report: TailReport | null;
  /** Undefined: the network stays as it is. */
  kept: KeptTail | undefined;
}

/** Epochs of training: more where each sees other views. */
const EPOCHS = 10;
const EPOCHS_AUGMENTED = 20;
/** The fold whose pictures are held out. */
const HELD_OUT = 0;

/**
 * Trains the last layers of a network as well, if that is planned, and keeps them if they answer held-out pictures better than a new
 * classifier alone.
 * @throws MenagerieError what the trainer, the network and the cache throw; the signal's reason
 */
export async function learnTail(
  plan: DepthPlan,
  request: Pick<TransferRequest, 'augment' | 'seed'>,
  base: BaseNetwork,
  tables: { train: FeatureTable; val: FeatureTable },
  learned: Learned,
  trainer: Trainer,
  tools: TailTools,
  times: StepTimes,
  signal: AbortSignal,
): Promise<TailOutcome> {
  const { asked, cut, why } = plan;
  if (!cut) return { depth: { asked, chosen: 'head', why }, report: null, kept: undefined };
  const { report, kept } = await train(cut, request, base, tables, learned, trainer, tools, times, signal);
  return { depth: { asked, chosen: kept ? cut.depth : 'head', why: `${why} ${report.why}` }, report, kept };
}

async function train(
  cut: TailCut,
  { augment, seed }: Pick<TransferRequest, 'augment' | 'seed'>,
  base: BaseNetwork,
  { train: table, val }: { train: FeatureTable; val: FeatureTable },
  learned: Learned,
  trainer: Trainer,
  tools: TailTools,
  times: StepTimes,
  signal: AbortSignal,
): Promise<Omit<TailOutcome, 'depth'> & { report: TailReport }> {
  times.begin('tail');
  const size = countOf(cut.dims);
  const pictures = [...table.pictures, ...val.pictures];
  const labels = Int32Array.from(table.pictures, (picture) => picture.class);
  const indices = (held: boolean) =>
    Int32Array.from([...learned.folds.keys()].filter((i) => (learned.folds[i] === HELD_OUT) === held));
  const [training, heldOut] = [indices(false), indices(true)];
  const { classes } = learned.findings.head.head;
  const { weighted } = learned.findings;
  const head = await headWithout(training, labels, table, learned, seed, trainer, signal);
  const source = await tools.openCut(base, cut);
  try {
    const activations = new Activations(pictures, {
      source,
      cache: tools.cache,
      key: { ...base.key, tensor: cut.tensor },
      size,
      maxBytes: tools.maxBytes,
      augmentation: augment === '' ? undefined : parseAugmentation(augment),
      seed,
      signal,
    });
    const epochs = augment === '' ? EPOCHS : EPOCHS_AUGMENTED;
    const task = {
      base: base.file,
      cut,
      head,
      activations,
      labels,
      classes,
      training,
      heldOut,
      weighted,
      epochs,
      seed,
    };
    const result = await trainer.tail(task, (share) => times.progress(Math.round(100 * share), 100), signal);
    const report = reportOf(cut, heldOut.length, result);
    const kept = result.trained && { cut, head: result.trained.head };
    if (!kept) return { report, kept: undefined };
    const features = await featuresOf(activations, pictures.length, base.size, trainer, signal);
    return {
      report,
      kept: { ...kept, learned: await relearned(kept.head, features, base.size, learned, seed, trainer, signal) },
    };
  } finally {
    await tools.cache.flush();
    source.close();
  }
}

/** A head that has not seen the held-out pictures. */
async function headWithout(
  training: Int32Array,
  labels: Int32Array,
  { features, size }: FeatureTable,
  { folds, findings }: Learned,
  seed: number,
  trainer: Trainer,
  signal: AbortSignal,
): Promise<HeadWeights> {
  const own = new Float32Array(training.length * size);
  for (const [i, picture] of training.entries())
    own.set(features.subarray(picture * size, (picture + 1) * size), i * size);
  const { head, weighted } = findings;
  const task = {
    features: own,
    size,
    views: 1,
    labels: training.map((picture) => labels[picture] ?? 0),
    classes: head.head.classes,
    folds: divided(training.map((picture) => (folds[picture] ?? 1) - 1)),
    weighted,
    l2: [head.l2],
    hidden: [],
    seed,
  };
  return (await trainer.head(task, () => {}, signal)).head;
}

/** Two folds at least. */
function divided(folds: Int32Array): Int32Array {
  return new Set(folds).size > 1 ? folds : folds.map((_, i) => i % 2);
}

/** The features of all pictures by the trained layers. */
async function featuresOf(
  activations: Activations,
  pictures: number,
  size: number,
  trainer: Trainer,
  signal: AbortSignal,
): Promise<Float32Array> {
  const AT_ONCE = 64;
  const features = new Float32Array(pictures * size);
  for (let from = 0; from < pictures; from += AT_ONCE) {
    const indices = Int32Array.from({ length: Math.min(AT_ONCE, pictures - from) }, (_, i) => from + i);
    features.set(await trainer.tailFeatures(await activations.read(indices, undefined), signal), from * size);
  }
  return features;
}

/** What was learned, with the features of the trained layers. What was cross-validated stays that of the classifier alone. */
async function relearned(
  head: HeadWeights,
  features: Float32Array,
  size: number,
  { findings, folds }: Learned,
  seed: number,
  trainer: Trainer,
  signal: AbortSignal,
): Promise<Learned> {
  const { train } = findings;
  const own = features.subarray(0, train.length * size);
  const unknown = await trainer.unknownScore({ features: own, size, folds, seed }, () => {}, signal);
  const labels = Int32Array.from(train, (picture) => picture.class);
  return {
    findings: {
      ...findings,
      valProbabilities: await applyHead(head, features.subarray(train.length * size), size),
      unknown: { above: unknown.above, known: unknown.known.length / size, heldOutShare: unknown.heldOutShare },
    },
    folds,
    known: unknown.known,
    golden: surest(train, labels, await applyHead(head, own, size)),
    views: undefined,
  };
}

function reportOf(cut: TailCut, heldOut: number, { epochs, best, trained, waitedMs, tookMs }: TailResult): TailReport {
  const [before, ...after] = epochs;
  const chosen = epochs[best];
  if (!before || !chosen) throw new Error('a training without epochs');
  const loss = (value: number) => value.toFixed(3);
  const why = trained
    ? `It was kept: on ${heldOut} held-out pictures the log-loss fell from ${loss(before.logLoss)} to ${loss(chosen.logLoss)}.`
    : `It was not kept: no epoch had a log-loss below ${loss(before.logLoss)}, that of the classifier alone, on ${heldOut} held-out pictures.`;
  const bestAfter = after.toSorted((a, b) => a.logLoss - b.logLoss)[0];
  return {
    depth: cut.depth,
    weights: cut.weights,
    kept: trained !== undefined,
    why,
    held_out: heldOut,
    head: { log_loss: before.logLoss, accuracy: before.accuracy },
    tail: bestAfter ? { log_loss: bestAfter.logLoss, accuracy: bestAfter.accuracy } : null,
    best_epoch: bestAfter ? epochs.indexOf(bestAfter) : null,
    epochs: after.map(({ trainingLoss = 0, logLoss, accuracy }, i) => ({
      epoch: i + 1,
      loss: trainingLoss,
      log_loss: logLoss,
      accuracy,
    })),
    trainer_waited_ms: waitedMs,
    trained_ms: tookMs,
  };
}
