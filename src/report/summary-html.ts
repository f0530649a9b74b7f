import { asPercent } from '../core/units.js';
import type { Part } from '../onnx/layers/blocks.js';
import { formatBytes } from './format.js';
import { escapeHtml, htmlTable, page } from './html.js';
import type { LayerReport, SummaryReport } from './schemas.js';
import { blockText, ports, times, totalsOf } from './summary-text.js';

const BAR_PX = 80;

/** A summary as an HTML page. */
export function summaryHtml(report: SummaryReport): string {
  const { model, file, totals } = report;
  const facts = [model.id, model.variant, model.version, formatBytes(file.bytes)].filter(Boolean).join(' · ');
  const list = totalsOf(report).map(
    ([label, value, note]) =>
      `<dt>${escapeHtml(label)}</dt><dd>${escapeHtml(value)}</dd><dd class="note">${escapeHtml(note)}</dd>`,
  );
  const body = [
    `<h1>${escapeHtml(model.title)}</h1>`,
    `<p class="of">${escapeHtml(facts)}</p>`,
    file.untrained ? '<p><strong>Untrained: its answers are meaningless.</strong></p>' : '',
    `<p>Input ${escapeHtml(ports(report.inputs))}; output ${escapeHtml(ports(report.outputs))}.</p>`,
    `<dl>${list.join('\n')}</dl>`,
    report.parts.some(({ blocks }) => blocks.length > 0)
      ? `<h2>Structure</h2>\n<ol>${report.parts.map(partHtml).join('\n')}</ol>`
      : '',
    '<h2>Layers</h2>',
    layersHtml(report.layers, totals.ms !== null),
  ];
  return page(`${model.title} - summary`, body.join('\n'));
}

function partHtml(part: Part): string {
  if (part.kind !== 'stage') return `<li>${part.kind}: ${escapeHtml(part.layers.join(', '))}</li>`;
  const blocks = part.blocks.map((block) => `<li>${escapeHtml(blockText(block))}</li>`);
  const count = `${part.blocks.length} ${part.blocks.length === 1 ? 'block' : 'blocks'}`;
  return `<li>stage of ${count}, output ${times(part.output)}<ol>${blocks.join('\n')}</ol></li>`;
}

function layersHtml(layers: readonly LayerReport[], timed: boolean): string {
  const header = [
    'Layer',
    'Operator',
    'Kernel',
    'Stride',
    'Padding',
    'Output',
    'Parameters',
    'MACs',
    'Share',
    'Activation',
    'Sees',
  ];
  const rows = layers.map((layer) => [
    escapeHtml(layer.name),
    escapeHtml(layer.operator + (layer.groups !== null && layer.groups > 1 ? ` (${layer.groups} groups)` : '')),
    times(layer.kernel),
    times(layer.stride),
    escapeHtml(times(layer.padding)),
    times(layer.output),
    layer.parameters > 0 ? layer.parameters.toLocaleString('en') : '',
    layer.macs > 0 ? layer.macs.toLocaleString('en') : '',
    shareHtml(layer),
    formatBytes(layer.activation_bytes),
    times(layer.receptive_field),
    ...(timed ? [layer.ms?.toFixed(3) ?? '', layer.gflops?.toFixed(1) ?? ''] : []),
  ]);
  return htmlTable(timed ? [...header, 'ms', 'GFLOP/s'] : header, rows, [6, 7, 9, 11, 12]);
}

function shareHtml({ macs, macs_share: share }: LayerReport): string {
  if (macs === 0) return '';
  const width = Math.max(1, Math.round(share * BAR_PX));
  return `<svg class="bar" aria-hidden="true" width="${width}"><rect width="${width}" height="100%"/></svg> ${asPercent(share)}`;
}
