import { createEngine, unbounded } from '../../app/engine.js';
import { openModels } from '../../app/models-to-load.js';
import { tunedMachineOf } from '../../app/start-plan.js';
import type { Config } from '../../config/load-config.js';
import { MenagerieError } from '../../core/errors.js';
import { variantsOf } from '../../core/manifest/manifest.js';
import {
  bestFor,
  type Goal,
  type Layout,
  layoutsFor,
  objectionTo,
  type Tried,
  TUNED_BATCHES,
} from '../../core/manifest/tuning.js';
import type { VariantName } from '../../core/manifest/variant.js';
import { table } from '../../report/format.js';
import { readMachine } from '../../runtime/device/machine.js';
import type { LiveRepository } from '../../zoo/live-repository.js';
import { type ModelFolder, unknownModel } from '../../zoo/repository.js';
import { assertTunable, tunedFile, writeTuned } from '../../zoo/tuned.js';
import { isPulled } from '../../zoo/weights.js';
import type { CommandIo, ExitCode } from '../shared/io.js';
import { ProgressBar } from '../shared/progress.js';
import { type Speed, speedOf } from '../shared/speed.js';

export interface TuneOptions {
  goal: Goal;
  /** Percentage points of top-1 accuracy that a variant may lose against fp32 to be chosen. */
  maxLoss: number;
  /** Seconds to measure each figure. */
  seconds: number;
  /** Whether to measure without writing the result. */
  dryRun: boolean;
  json: boolean;
}

/** A measured combination, and why it may not be chosen, if so. */
type Row = Tried & { objection: string | undefined };

/**
 * `menagerie tune <id>`: measures variants, workers, threads and batches on this machine, and writes the best combination for the
 * goal beside the manifest, where `serve` finds it.
 * @throws MenagerieError `unknown_model`, `model_not_pulled`, `io_error`; errors of loading
 */
export async function tune(id: string, options: TuneOptions, config: Config, io: CommandIo): Promise<ExitCode> {
  const repository = await openModels(config);
  const model = repository.models.get(id);
  if (!model) throw unknownModel(id);
  const variants = await variantsToTry(model, options.maxLoss);
  if (!options.dryRun) await assertTunable(model);
  const machine = tunedMachineOf(config, readMachine());
  const bar = new ProgressBar(io.err, 'measuring');
  const rows: Row[] = [];
  const layouts = layoutsFor(machine.cores, machine.device);
  let done = 0;
  const steps = variants.length * layouts.length;
  for (const { variant, objection } of variants) {
    for (const layout of layouts) {
      io.signal.throwIfAborted();
      bar.update(done++, steps, `${variant}, ${layout.workers} workers of ${layout.threads}`);
      const tried = await tryBatches(id, variant, layout, {
        ...options,
        repository,
        config,
        env: io.env,
        signal: io.signal,
      });
      rows.push(...tried.map((combination) => ({ ...combination, objection })));
    }
  }
  bar.clear();
  const eligible = rows.filter(({ objection }) => objection === undefined);
  const best = bestFor(options.goal, eligible);
  const { variant, workers, threads, batch, imagesPerS, latencyMs } = best;
  const tuned = { goal: options.goal, machine, variant, workers, threads, batch };
  const figures = { images_per_s: round(imagesPerS), latency_ms: round(latencyMs) };
  if (!options.dryRun) await writeTuned(model, { ...tuned, ...figures, date: new Date().toISOString() });
  io.out.write(options.json ? asJson(rows, best, options, machine) : tuningText(model, rows, best, options));
  return 0;
}

async function variantsToTry(
  model: ModelFolder,
  maxLoss: number,
): Promise<{ variant: VariantName; objection: string | undefined }[]> {
  const { variants, untrained } = model.manifest;
  const found = [];
  for (const [variant, facts] of variantsOf(model.manifest)) {
    if (!(await isPulled(model, facts))) continue;
    const objection =
      variant === 'fp32' || untrained ? undefined : objectionTo(facts.top1, variants.fp32?.top1, maxLoss);
    found.push({ variant, objection });
  }
  // If there is only one variant, there is nothing to compare it with.
  const [only, ...others] = found;
  if (only && others.length === 0) return [{ ...only, objection: undefined }];
  if (!only)
    throw new MenagerieError('model_not_pulled', `The weights of model "${model.id}" are not on this machine.`);
  return found;
}

async function tryBatches(
  id: string,
  variant: VariantName,
  layout: Layout,
  options: { repository: LiveRepository; config: Config; env: NodeJS.ProcessEnv; seconds: number; signal: AbortSignal },
): Promise<Tried[]> {
  const { repository } = options;
  // Untrained networks can be tuned too, because their speed is meaningful.
  const config: Config = { ...options.config, untrained: 'allow' };
  const tried: Tried[] = [];
  let fastest = 0;
  for (const batch of TUNED_BATCHES) {
    const engine = await createEngine({
      config: unbounded({ ...config, ...layout, batch }),
      env: options.env,
      repository,
    });
    let speed: Speed;
    try {
      const served = await engine.registry.load(id, variant);
      // The network accepts no more rows.
      if (served.info.batch < batch) break;
      speed = await speedOf(engine.pool, served, options.seconds * 1000, options.signal);
    } finally {
      await engine.stop();
    }
    tried.push({ variant, ...layout, batch, ...speed });
    if (speed.imagesPerS <= fastest) break;
    fastest = speed.imagesPerS;
  }
  return tried;
}

const round = (value: number) => Math.round(value * 100) / 100;

function asJson(rows: readonly Row[], best: Row, options: TuneOptions, machine: object): string {
  const view = (row: Row) => ({
    variant: row.variant,
    workers: row.workers,
    threads: row.threads,
    batch: row.batch,
    images_per_s: round(row.imagesPerS),
    latency_ms: round(row.latencyMs),
    objection: row.objection ?? null,
    chosen: row === best,
  });
  return `${JSON.stringify({ goal: options.goal, max_loss: options.maxLoss, machine, tried: rows.map(view) }, null, 2)}\n`;
}

function tuningText(model: ModelFolder, rows: readonly Row[], best: Row, { goal, dryRun }: TuneOptions): string {
  const header = ['VARIANT', 'WORKERS', 'THREADS', 'BATCH', 'IMAGES/S', 'ONE PICTURE ms', ''];
  const lines = rows.map((row) => [
    row.variant,
    String(row.workers),
    String(row.threads),
    String(row.batch),
    row.imagesPerS.toFixed(1),
    row.latencyMs.toFixed(2),
    row === best ? `<- best for ${goal}` : (row.objection ?? ''),
  ]);
  const kept = dryRun
    ? 'Nothing was written.'
    : `Written to ${tunedFile(model)}; the server will use it from its next start, unless settings override it.`;
  return `${table([header, ...lines], [1, 2, 3, 4, 5])}\n${kept}\n`;
}
