import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createEngine, unbounded } from '../../app/engine.js';
import { transferTools } from '../../app/transfers.js';
import type { Config } from '../../config/load-config.js';
import { MenagerieError } from '../../core/errors.js';
import { MODEL_ID_PATTERN, PATTERN_WORDS } from '../../core/manifest/schema-words.js';
import { VARIANT_NAMES } from '../../core/manifest/variant.js';
import { TRAINING_FORMS } from '../../report/training/training-forms.js';
import type { TrainingReport } from '../../training/report/training-report.js';
import { transfer } from '../../training/transfer.js';
import type { Progress, TransferRequest } from '../../training/transfer-request.js';
import { type CommandIo, type ExitCode, statusOfStop } from '../shared/io.js';
import { ProgressBar } from '../shared/progress.js';

export interface TransferCommandOptions extends Omit<TransferRequest, 'base' | 'variant'> {
  variant: string | undefined;
  /** HTML file for the report. */
  html: string | undefined;
  json: boolean;
}

/** What the steps are called while they run. */
const STEP_WORDS: Readonly<Record<Progress['step'], string>> = {
  reading: 'looking for pictures',
  features: 'computing features',
  head: 'training the classifier',
  tail: 'training the last layers',
  writing: 'writing the model',
  loading: 'checking the model',
};

/**
 * `menagerie transfer <base>`: trains a model on pictures that are sorted into folders, writes it below the data directory, and checks
 * that it works.
 * @throws MenagerieError `usage` for an id that no model may have; what `transfer` throws
 */
export async function trainTransfer(
  base: string,
  { html, json, ...asked }: TransferCommandOptions,
  config: Config,
  version: string,
  io: CommandIo,
): Promise<ExitCode> {
  if (!new RegExp(MODEL_ID_PATTERN).test(asked.id)) {
    throw new MenagerieError('usage', `--id: "${asked.id}" ${PATTERN_WORDS[MODEL_ID_PATTERN]}.`);
  }
  const variant = VARIANT_NAMES.find((name) => name === asked.variant);
  if (asked.variant !== undefined && !variant) {
    throw new MenagerieError('usage', `--variant: "${asked.variant}" is none of ${VARIANT_NAMES.join(', ')}.`);
  }
  const engine = await createEngine({ config: unbounded(config), env: io.env, layersEverywhere: true });
  const bars = new Map<string, ProgressBar>();
  const onProgress = ({ step, done, total, note }: Progress) => {
    const bar = bars.get(step) ?? new ProgressBar(io.err, STEP_WORDS[step]);
    if (!bars.has(step)) for (const earlier of bars.values()) earlier.clear();
    bars.set(step, bar);
    bar.update(done, total, note);
  };
  let report: TrainingReport | undefined;
  const keepReport = async (found: TrainingReport) => {
    report = found;
    if (html !== undefined) await writeFile(html, TRAINING_FORMS.html(found));
  };
  try {
    const tools = await transferTools(engine, config, { version, background: false });
    const request = { ...asked, base, variant, data: resolve(asked.data), val: asked.val && resolve(asked.val) };
    await transfer(request, tools, { onProgress, keepReport }, io.signal);
  } catch (error) {
    if (io.signal.aborted) return statusOfStop(io.signal);
    throw error;
  } finally {
    for (const bar of bars.values()) bar.clear();
    await engine.stop();
  }
  if (!report) throw new Error('the training has no report');
  io.out.write(json ? `${JSON.stringify(report, null, 2)}\n` : TRAINING_FORMS.text(report));
  return 0;
}
