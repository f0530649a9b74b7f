import type { Layer } from '../onnx/layers/layers.js';
import type { Inspection } from '../runtime/inspection/inspection.js';
import type { ModelSummary } from '../serving/summaries.js';
import type { LayerReport, SummaryReport } from './schemas.js';

/** The model that is summarised; `variant` and `version` are null for a file outside the repository. */
export type Subject = SummaryReport['model'];

/** A model of the repository as the subject of a report. */
export function modelSubject({ folder, variant, sha256 }: ModelSummary): Subject {
  return { id: folder.id, title: folder.manifest.title, variant: variant.name, version: sha256.slice(0, 12) };
}

/**
 * Makes a report of an inspected file.
 * @param all whether to include auxiliary nodes (constants, shape arithmetic, identities)
 */
export function summaryReport(model: Subject, inspection: Inspection, all: boolean): SummaryReport {
  const { summary, opsets, irVersion, producer, untrained, fileBytes, timings } = inspection;
  const { totals } = summary;
  const totalMs = timings?.totalMs ?? null;
  return {
    model,
    file: { bytes: fileBytes, opsets, ir_version: irVersion, producer, untrained },
    inputs: summary.inputs,
    outputs: summary.outputs,
    totals: {
      parameters: totals.parameters,
      macs: totals.macs,
      depth: totals.depth,
      weighted_layers: totals.weightedLayers,
      weight_bytes: totals.weightBytes,
      activation_bytes: totals.activationBytes,
      peak_activation_bytes: totals.peakActivationBytes,
      ms: totalMs,
      gflops: gflops(totals.macs, totalMs),
    },
    layers: summary.layers
      .filter(({ auxiliary }) => all || !auxiliary)
      .map((layer) => layerReport(layer, totals.macs, timings?.layerMs[layer.name] ?? null)),
    parts: summary.parts,
  };
}

function layerReport(layer: Layer, totalMacs: number, ms: number | null): LayerReport {
  return {
    name: layer.name,
    operator: layer.operator,
    kernel: layer.kernel ?? null,
    stride: layer.stride ?? null,
    padding: layer.padding ?? null,
    dilation: layer.dilation ?? null,
    groups: layer.groups ?? null,
    inputs: layer.inputs,
    output: layer.output,
    parameters: layer.parameters,
    macs: layer.macs,
    activation_bytes: layer.activationBytes,
    receptive_field: layer.receptiveField?.size ?? null,
    receptive_stride: layer.receptiveField?.stride ?? null,
    macs_share: totalMacs > 0 ? layer.macs / totalMacs : 0,
    ms,
    gflops: gflops(layer.macs, ms),
  };
}

function gflops(macs: number, ms: number | null): number | null {
  return ms !== null && ms > 0 && macs > 0 ? (2 * macs) / (ms * 1e6) : null;
}
