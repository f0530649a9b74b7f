import { asPercent } from '../core/units.js';
import type { Block, Part } from '../onnx/layers/blocks.js';
import { csvField, formatBytes, formatCount, table } from './format.js';
import type { LayerReport, SummaryReport } from './schemas.js';

/** A summary as a table for a terminal, similar to torchinfo's. */
export function summaryText(report: SummaryReport): string {
  const { model, totals, file, layers } = report;
  const timed = totals.ms !== null;
  const header = ['LAYER', 'OPERATOR', 'KERNEL', 'STRIDE', 'OUTPUT', 'PARAMETERS', 'MACS', 'SHARE', 'SEES'];
  const rows = layers.map((layer) => [
    layer.name,
    layer.operator + (layer.groups !== null && layer.groups > 1 ? ` /${layer.groups}` : ''),
    times(layer.kernel),
    times(layer.stride),
    times(layer.output),
    layer.parameters > 0 ? layer.parameters.toLocaleString('en') : '',
    layer.macs > 0 ? layer.macs.toLocaleString('en') : '',
    layer.macs > 0 ? asPercent(layer.macs_share) : '',
    times(layer.receptive_field),
    ...(timed
      ? [layer.ms === null ? '' : layer.ms.toFixed(3), layer.gflops === null ? '' : layer.gflops.toFixed(1)]
      : []),
  ]);
  const right = [5, 6, 7, 9, 10];
  const layerTable = table([timed ? [...header, 'MS', 'GFLOP/S'] : header, ...rows], right);
  const rule = `${'-'.repeat(Math.max(...layerTable.split('\n').map((line) => line.length)))}\n`;
  const name = [model.id, model.variant, model.version].filter(Boolean).join(', ');
  const sections = [
    `${model.title} (${name})${file.untrained ? ' - untrained, its answers are meaningless' : ''}\n`,
    rule,
    layerTable,
    rule,
    table(
      totalsOf(report).map(([label, value, note]) => [label, value, note]),
      [1],
    ),
    report.parts.some(({ blocks }) => blocks.length > 0) ? `\n${partsText(report.parts)}` : '',
    `\nInput ${ports(report.inputs)}, output ${ports(report.outputs)}. File of ${formatBytes(file.bytes)}, produced by ${file.producer || 'an unnamed tool'}.\n`,
  ];
  return sections.join('');
}

/** The totals, each with a label and a note on what is counted. */
export function totalsOf({ totals }: SummaryReport): [label: string, value: string, note: string][] {
  const rows: ReturnType<typeof totalsOf> = [
    [
      'Parameters',
      totals.parameters.toLocaleString('en'),
      'learned values, including batch normalisation’s running statistics if the file has them',
    ],
    [
      'MACs',
      totals.macs.toLocaleString('en'),
      `${formatCount(totals.macs)} multiply-accumulates of convolutions and fully connected layers`,
    ],
    ['Depth', String(totals.depth), `layers with weights on the longest path; ${totals.weighted_layers} in all`],
    ['Weights', formatBytes(totals.weight_bytes), 'stored in the file'],
    ['Activations', formatBytes(totals.activation_bytes), 'outputs of all layers'],
    ['At a time', formatBytes(totals.peak_activation_bytes), 'the most activations in memory at the same time'],
  ];
  if (totals.ms !== null) {
    const note = `on one thread, fully optimised; ${totals.gflops?.toFixed(1) ?? '?'} GFLOP/s`;
    rows.push(['Time', `${totals.ms.toFixed(2)} ms`, note]);
  }
  return rows;
}

/** The tree of parts and blocks. */
function partsText(parts: readonly Part[]): string {
  let stage = 0;
  const lines = parts.flatMap((part) => {
    if (part.kind !== 'stage') return [`${part.kind}: ${listed(part.layers)}`];
    stage++;
    const title = `stage ${stage}: ${part.blocks.length} ${part.blocks.length === 1 ? 'block' : 'blocks'} -> ${times(part.output)}`;
    return [title, ...part.blocks.map((block, i) => `  ${i + 1}. ${blockText(block)}`)];
  });
  return `${lines.join('\n')}\n`;
}

/** One block in a line: its branches, and the layer that joins them. */
export function blockText({ kind, shortcut, squeeze, branches, join }: Block): string {
  const sides = branches.map((branch) => (branch.length === 0 ? 'identity' : listed(branch)));
  const narrowed = squeeze.length > 0 ? `${listed(squeeze)} -> ` : '';
  return `${kind}${shortcut ? ` (${shortcut})` : ''}: ${narrowed}${sides.join(' | ')} -> ${join[0]}`;
}

/** The layers as comma-separated values (RFC 4180), one row per layer. */
export function summaryCsv({ layers }: SummaryReport): string {
  const columns: (keyof LayerReport)[] = [
    'name',
    'operator',
    'kernel',
    'stride',
    'padding',
    'dilation',
    'groups',
    'inputs',
    'output',
    'parameters',
    'macs',
    'activation_bytes',
    'receptive_field',
    'receptive_stride',
    'macs_share',
    'ms',
    'gflops',
  ];
  const value = (layer: LayerReport, column: keyof LayerReport) => {
    if (column === 'inputs') return layer.inputs.map(times).join(' ');
    const field = layer[column];
    return Array.isArray(field) ? times(field) : (field ?? '');
  };
  const rows = layers.map((layer) => columns.map((column) => csvField(value(layer, column))).join(','));
  return `${[columns.join(','), ...rows].join('\r\n')}\r\n`;
}

/** Sizes as text: 3x3, 1x64x56x56. */
export function times(sizes: readonly number[] | string | null): string {
  return sizes === null ? '' : typeof sizes === 'string' ? sizes : sizes.join('x');
}

export function ports(list: readonly { name: string; shape: number[] }[]): string {
  return list.map(({ name, shape }) => `${name} ${times(shape)}`).join(', ');
}

function listed(names: readonly string[]): string {
  return names.length <= 6 ? names.join(', ') : `${names.slice(0, 2).join(', ')} ... ${names.at(-1)} (${names.length})`;
}
