import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Config } from '../config/load-config.js';
import { MenagerieError } from '../core/errors.js';
import { compareModels } from '../report/compare-report.js';
import { COMPARE_FORMS, type ReportForm, SUMMARY_FORMS } from '../report/forms.js';
import type { SummaryReport } from '../report/schemas.js';
import { modelSubject, summaryReport } from '../report/summary-report.js';
import { openRepository } from '../zoo/repository.js';
import { createInspector, createSummaries, modelDirectories } from './engine.js';
import type { CommandIo, ExitCode } from './io.js';

export interface SummaryCommandOptions {
  variant: string | undefined;
  inputShape: readonly number[] | undefined;
  timing: boolean;
  all: boolean;
  format: ReportForm;
}

/** `menagerie summary <id | file.onnx>`; `title` is for a file whose name says little. */
export async function summary(
  what: string,
  options: SummaryCommandOptions,
  config: Config,
  io: CommandIo,
  title?: string,
): Promise<ExitCode> {
  const report = what.endsWith('.onnx')
    ? await ofFile(what, options, config, title)
    : await ofModel(what, options, config);
  io.out.write(options.format === 'json' ? pretty(report) : SUMMARY_FORMS[options.format](report));
  return 0;
}

async function ofFile(
  file: string,
  { inputShape, timing, all }: SummaryCommandOptions,
  config: Config,
  title = basename(file),
): Promise<SummaryReport> {
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) throw new MenagerieError('file_missing', `There is no file ${file}.`);
  const inspection = await createInspector(config).inspect({ file, inputShape, timing });
  return summaryReport({ id: basename(file), title, variant: null, version: null }, inspection, all);
}

async function ofModel(id: string, options: SummaryCommandOptions, config: Config): Promise<SummaryReport> {
  const summaries = createSummaries(await openRepository(modelDirectories(config)), config);
  const found = await summaries.summary(id, options);
  return summaryReport(modelSubject(found), found.inspection, options.all);
}

/** `menagerie compare <id...>` */
export async function compare(
  ids: readonly string[],
  options: { timing: boolean; format: ReportForm },
  config: Config,
  io: CommandIo,
): Promise<ExitCode> {
  const summaries = createSummaries(await openRepository(modelDirectories(config)), config);
  const report = await compareModels(summaries, ids, options.timing);
  io.out.write(options.format === 'json' ? pretty(report) : COMPARE_FORMS[options.format](report));
  return 0;
}

function pretty(report: object): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}
