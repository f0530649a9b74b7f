import type { Manifest } from '../../core/manifest/manifest.js';
import type { Provider } from '../device/providers.js';

/** A network to load: the file and what its manifest says about it. */
export interface NetworkSpec extends Pick<Manifest, 'input' | 'preprocess' | 'output' | 'batch'> {
  /** Name of the loaded network, unique among all that are loaded. */
  key: string;
  /** The ONNX file. */
  file: string;
  /** Size of the weights, by which memory is planned. */
  bytes: number;
  /** SHA-256 in hex that the file must have, as its manifest states it. */
  fileSha256?: string | undefined;
  /** SHA-256 that all of the weights had when they were loaded for the first time (see weights.ts). */
  sha256?: string | undefined;
  /** Rows of a batch, unless the worker's settings say. */
  rows?: number | undefined;
}

/** What loading a network told. */
export interface NetworkInfo {
  provider: Provider;
  /** Why CUDA is not used although it was asked for. */
  fallback?: string | undefined;
  /** Layers, as "name (operator)", that the CPU runs although the provider is another. */
  layersOnCpu: string[];
  /** SHA-256 of the weights that were loaded, in hex. */
  sha256: string;
  /** Number of scores the network gives. */
  classes: number;
  /** Most rows that a run takes: as many as were measured to pay, or as configured. */
  batch: number;
  loadMs: number;
  warmupMs: number;
  /** Time for one row in batches of that size. */
  viewMs: number;
}

/** What a network is called in messages: the model's id, of keys such as `lenet5@fp32#1`. */
export function nameOf({ key }: Pick<NetworkSpec, 'key'>): string {
  return key.replace(/@.*$/, '');
}
