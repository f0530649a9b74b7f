import type { Summary } from '../../onnx/layers/summary.js';

/** A request to inspect a file. */
export interface InspectRequest {
  file: string;
  /** Shape of the input; default: the shape in the file, for one picture. */
  inputShape?: readonly number[] | undefined;
  /** Whether to measure how long the layers take. */
  timing: boolean;
}

/** Measured milliseconds: medians. */
export interface LayerTimings {
  /** The whole network, fully optimised, as in serving. */
  totalMs: number;
  /** By layer, with only those optimisations that do not merge layers. Layers that were optimised away are missing. */
  layerMs: Record<string, number>;
}

/** What inspecting an ONNX file finds out. */
export interface Inspection {
  summary: Summary;
  opsets: Record<string, number>;
  producer: string;
  irVersion: number;
  /** Whether the file says that its weights are not trained. */
  untrained: boolean;
  fileBytes: number;
  timings?: LayerTimings | undefined;
}
