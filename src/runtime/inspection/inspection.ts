import type { Summary } from '../../onnx/layers/summary.js';

/** A file to look into. */
export interface InspectRequest {
  file: string;
  /** Shape of the input; default: the file's own, for one picture. */
  inputShape?: readonly number[] | undefined;
  /** Whether to measure milliseconds. */
  timing: boolean;
}

/** Measured milliseconds, medians. */
export interface LayerTimings {
  /** The whole network, fully optimised, as it is served. */
  totalMs: number;
  /** By layer, with such optimisations as leave layers apart; what the runtime has optimised away is missing. */
  layerMs: Record<string, number>;
}

/** What there is to know of an ONNX file. */
export interface Inspection {
  summary: Summary;
  opsets: Record<string, number>;
  producer: string;
  irVersion: number;
  /** Whether the file says that its weights mean nothing. */
  untrained: boolean;
  fileBytes: number;
  timings?: LayerTimings | undefined;
}
