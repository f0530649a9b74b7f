import { setMaxListeners } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { inputShape } from '../core/manifest/input-shape.js';
import type { FeatureSource } from '../serving/features.js';
import type { ServedModel } from '../serving/models/model.js';
import { ownPartial } from '../system/partial-name.js';
import { readRegular } from '../system/regular-file.js';
import { sha256Of } from '../zoo/files.js';
import { type StagedModel, stageModel } from '../zoo/model-folder.js';
import { type BaseNetwork, baseNetwork } from './base-network.js';
import { type Learned, learnHead } from './learn-head.js';
import { learnTail, type TailOutcome, type TailTools } from './learn-tail.js';
import { newModel } from './new-model.js';
import { scanClasses } from './pictures/scan.js';
import type { TrainingPicture, TrainingSet } from './pictures/training-set.js';
import { planDepth } from './plan-depth.js';
import { readTables, type Tables } from './read-tables.js';
import { buildReport } from './report/build-report.js';
import { thumbnailUrl } from './report/report-parts.js';
import type { TrainingReport } from './report/training-report.js';
import { StepTimes } from './step-times.js';
import type { Trainer } from './trainer.js';
import type { Progress, TransferRequest, TransferResult } from './transfer-request.js';

/** What a training uses of the application. */
export interface TransferTools extends TailTools {
  /** @throws MenagerieError `model_protected` if a model may not have an id */
  assertFree(id: string): Promise<void>;
  /** Opens the base. @throws MenagerieError if it cannot be used */
  openBase(request: TransferRequest): Promise<FeatureSource>;
  /** Makes a staged model serve. @throws MenagerieError if it does not work; the one before it serves on */
  adopt(staged: StagedModel): Promise<ServedModel>;
  startTrainer(): Trainer;
  /** The model directory for new models. */
  models: string;
  /** Most pixels of one picture. */
  maxPixels: number;
  /** Pictures in progress. */
  width: number;
  /** Waits while requests need the cores. */
  turn(): Promise<void>;
  versions: Readonly<Record<string, string>>;
}

/** Who follows a training. */
export interface TransferListener {
  onProgress(progress: Progress): void;
  /** Gets the report before the model is loaded. */
  keepReport(report: TrainingReport): Promise<void>;
}

/** What a training has found and written. */
interface Found {
  base: BaseNetwork;
  tables: Tables;
  learned: Learned;
  tail: TailOutcome;
  /** The ONNX file. */
  file: string;
}

/**
 * Trains a model on pictures that are sorted into folders, and makes it serve.
 * @throws MenagerieError `invalid_data`, `not_trainable`, `too_little_disk`, `training_failed`, `memory_exceeded`; errors of the base, and of
 *   writing and loading the model; the signal's reason
 */
export async function transfer(
  request: TransferRequest,
  tools: TransferTools,
  { onProgress, keepReport }: TransferListener,
  signal: AbortSignal,
): Promise<TransferResult> {
  // All pictures of a batch listen to it, so many listeners are not a leak.
  setMaxListeners(0, signal);
  const times = new StepTimes(onProgress);
  await tools.assertFree(request.id);
  const source = await tools.openBase(request);
  const trainer = tools.startTrainer();
  // Repositories skip folders whose names begin with a dot.
  const folder = join(tools.models, ownPartial(`.${request.id}`));
  try {
    const base = await baseNetwork(source);
    const set = await readSet(request, tools, times, signal);
    const counts = { train: set.pictures.length, all: set.pictures.length + set.validation.length };
    const plan = await planDepth(request.depth, counts, base, tools, trainer, signal);
    const tables = await readTables(request, plan.cut === undefined, set, base, tools, times, signal);
    const alone = await learnHead(request, set, tables, trainer, times, signal);
    const tail = await learnTail(plan, request, base, tables, alone, trainer, tools, times, signal);
    const learned = tail.kept?.learned ?? alone;
    times.begin('writing');
    await mkdir(folder, { recursive: true });
    const file = join(folder, 'model.onnx');
    const { known, findings } = learned;
    const head = tail.kept?.head ?? findings.head.head;
    const inputs = inputShape(source.model.folder.manifest, 1);
    const network = { base: base.file, inputShape: inputs, head, known, cut: tail.kept?.cut };
    const macs = await trainer.writeNetwork(network, file, signal);
    const report = await reportOf(request, { base, tables, learned, tail, file }, trainer, tools, times, signal);
    await keepReport(report);
    const made = {
      base: source.model,
      title: request.title,
      file,
      macs,
      classes: set.classes,
      unknownAbove: learned.findings.unknown?.above,
      golden: learned.golden,
      report,
    };
    const staged = await stageModel(tools.models, await newModel(made));
    times.begin('loading');
    const { version } = await tools.adopt(staged);
    return {
      model: request.id,
      version,
      accuracy: report.cross_validation.accuracy.value,
      classes: set.classes.length,
      pictures: tables.train.pictures.length,
    };
  } finally {
    source.close();
    await trainer.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function readSet(
  { data, val }: TransferRequest,
  { maxBytes, turn }: TransferTools,
  times: StepTimes,
  signal: AbortSignal,
): Promise<TrainingSet> {
  times.begin('reading');
  return await scanClasses(data, {
    maxBytes,
    ...(val !== undefined && { validation: val }),
    turn,
    onProgress: ({ pictures }) => times.progress(pictures, 0, `${pictures} pictures found`),
    signal,
  });
}

async function reportOf(
  { id, augment, seed }: TransferRequest,
  { base, tables, learned, tail, file }: Found,
  trainer: Trainer,
  { maxBytes, maxPixels, versions }: TransferTools,
  times: StepTimes,
  signal: AbortSignal,
): Promise<TrainingReport> {
  const { train, val } = tables;
  const { sha256, bytes } = await sha256Of(file);
  const thumbnailOf = async ({ path }: TrainingPicture) => {
    signal.throwIfAborted();
    const jpeg = await readRegular(path, maxBytes, 'too_many_bytes')
      .then((picture) => trainer.thumbnail(picture, maxPixels, signal))
      .catch(() => null);
    return thumbnailUrl(jpeg);
  };
  const { model } = base.source;
  const facts = {
    id,
    finished_at: new Date().toISOString(),
    base: { model: model.id, variant: model.variant, sha256: base.file.fileSha256 },
    result: { sha256, bytes, features: base.size },
    depth: { ...tail.depth, why: [tail.depth.why, learned.views?.why].filter(Boolean).join(' ') },
    augment: augment !== '' && (tail.report || learned.views?.used) ? augment.split(',') : [],
    tail: tail.report,
    cost: {
      ...times.elapsed,
      picture_bytes: [...train.pictures, ...val.pictures].reduce((sum, picture) => sum + picture.bytes, 0),
      cache_bytes: 4 * (train.features.length + val.features.length),
      cache_hits: train.cached + val.cached,
      computed: train.computed + val.computed,
    },
    seed,
    versions: { ...versions },
  };
  return await buildReport(learned.findings, facts, thumbnailOf);
}
