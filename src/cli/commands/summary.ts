import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { type OpenedInspector, openInspector } from '../../app/engine.js';
import { openModels } from '../../app/models-to-load.js';
import type { Config } from '../../config/load-config.js';
import { MenagerieError } from '../../core/errors.js';
import { compareModels } from '../../report/compare-report.js';
import { COMPARE_FORMS, type ReportForm, SUMMARY_FORMS } from '../../report/forms.js';
import type { SummaryReport } from '../../report/schemas.js';
import { modelSubject, summaryReport } from '../../report/summary-report.js';
import type { Inspector } from '../../runtime/workers/inspector.js';
import { Summaries } from '../../serving/summaries.js';
import type { CommandIo, ExitCode } from '../shared/io.js';

export interface SummaryCommandOptions {
  variant: string | undefined;
  inputShape: readonly number[] | undefined;
  timing: boolean;
  all: boolean;
  format: ReportForm;
}

/** `menagerie summary <id | file.onnx>`. @param title of the network in a file; by default the file's name */
export async function summary(
  what: string,
  options: SummaryCommandOptions,
  config: Config,
  io: CommandIo,
  title?: string,
): Promise<ExitCode> {
  const report = await withInspector(config, io, (opened) =>
    what.endsWith('.onnx') ? ofFile(what, options, opened.inspector, title) : ofModel(what, options, config, opened),
  );
  io.out.write(options.format === 'json' ? pretty(report) : SUMMARY_FORMS[options.format](report));
  return 0;
}

async function ofFile(
  file: string,
  { inputShape, timing, all }: SummaryCommandOptions,
  inspector: Inspector,
  title = basename(file),
): Promise<SummaryReport> {
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) throw new MenagerieError('file_missing', `There is no file ${file}.`);
  const inspection = await inspector.inspect({ file, inputShape, timing });
  return summaryReport({ id: basename(file), title, variant: null, version: null }, inspection, all);
}

async function ofModel(
  id: string,
  options: SummaryCommandOptions,
  config: Config,
  opened: OpenedInspector,
): Promise<SummaryReport> {
  const summaries = new Summaries({ repository: await openModels(config), ...opened });
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
  const repository = await openModels(config);
  const report = await withInspector(config, io, (opened) =>
    compareModels(new Summaries({ repository, ...opened }), ids, options.timing, io.signal),
  );
  io.out.write(options.format === 'json' ? pretty(report) : COMPARE_FORMS[options.format](report));
  return 0;
}

async function withInspector<T>(
  config: Config,
  { env, signal }: CommandIo,
  use: (opened: OpenedInspector) => Promise<T>,
): Promise<T> {
  const opened = await openInspector(config, env);
  const stop = () => opened.inspector.stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await use(opened);
  } finally {
    signal.removeEventListener('abort', stop);
    await stop();
  }
}

function pretty(report: object): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}
