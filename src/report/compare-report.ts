import type { Summaries } from '../serving/summaries.js';
import { csvField, formatBytes, formatCount, table } from './format.js';
import { escapeHtml, htmlTable, page } from './html.js';
import type { ComparedModel, CompareReport } from './schemas.js';
import { modelSubject, summaryReport } from './summary-report.js';

/**
 * Summarises the default variant of each model, one after the other so that measurements do not disturb each other.
 * @param timing whether to measure times
 * @param signal aborts it
 * @throws MenagerieError like `Summaries.summary`
 */
export async function compareModels(
  summaries: Summaries,
  ids: readonly string[],
  timing: boolean,
  signal?: AbortSignal,
): Promise<CompareReport> {
  const models: ComparedModel[] = [];
  for (const id of ids) {
    const found = await summaries.summary(id, { variant: undefined, inputShape: undefined, timing }, signal);
    const { model, totals, file } = summaryReport(modelSubject(found), found.inspection, false);
    models.push({
      id: model.id,
      title: model.title,
      variant: model.variant,
      parameters: totals.parameters,
      macs: totals.macs,
      depth: totals.depth,
      weight_bytes: totals.weight_bytes,
      file_bytes: file.bytes,
      peak_activation_bytes: totals.peak_activation_bytes,
      top1: found.variant.top1 ?? null,
      top5: found.variant.top5 ?? null,
      ms: totals.ms,
    });
  }
  return { models };
}

const HEADER = [
  'Model',
  'Network',
  'Variant',
  'Parameters',
  'MACs',
  'Depth',
  'Weights',
  'Activations at a time',
  'Top-1',
  'Top-5',
  'ms',
];
const RIGHT = [3, 4, 5, 6, 7, 8, 9, 10];

function comparisonRows({ models }: CompareReport): string[][] {
  const percent = (value: number | null) => (value === null ? '' : `${value.toFixed(2)} %`);
  return models.map((model) => [
    model.id,
    model.title,
    model.variant ?? '',
    formatCount(model.parameters),
    formatCount(model.macs),
    String(model.depth),
    formatBytes(model.weight_bytes),
    formatBytes(model.peak_activation_bytes),
    percent(model.top1),
    percent(model.top5),
    model.ms?.toFixed(2) ?? '',
  ]);
}

export function compareText(report: CompareReport): string {
  return table([HEADER.map((name) => name.toUpperCase()), ...comparisonRows(report)], RIGHT);
}

export function compareHtml(report: CompareReport): string {
  const rows = comparisonRows(report).map((row) => row.map(escapeHtml));
  return page('Networks side by side', `<h1>Networks side by side</h1>\n${htmlTable(HEADER, rows, RIGHT)}`);
}

export function compareCsv({ models }: CompareReport): string {
  const columns = Object.keys(models[0] ?? {});
  const rows = models.map((model) => {
    const fields = new Map(Object.entries(model));
    return columns.map((column) => csvField(fields.get(column) ?? '')).join(',');
  });
  return `${[columns.join(','), ...rows].join('\r\n')}\r\n`;
}
