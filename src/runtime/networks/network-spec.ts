import type { Manifest } from '../../core/manifest/manifest.js';
import type { Provider } from '../device/providers.js';

/** A network to load: its file, and what the manifest says about it. */
export interface NetworkSpec extends Pick<Manifest, 'input' | 'preprocess' | 'output' | 'batch'> {
  /** Name of the loaded network, unique among all loaded networks; see `nameOf`. */
  key: string;
  /** The ONNX file. */
  file: string;
  /** Number of labels: the scores that the network must give. */
  labels: number;
  /** Size of the weights, for planning memory. */
  bytes: number;
  /** SHA-256 of the file in hex, as its manifest states it. */
  fileSha256?: string | undefined;
  /** The same for external data files, by the names that the ONNX file has for them. */
  externalSha256?: Readonly<Record<string, string>> | undefined;
  /** SHA-256 of all weights in hex, as the first load found it (see weights.ts). */
  sha256?: string | undefined;
  /** Rows of a batch, if the worker's settings do not say. */
  rows?: number | undefined;
}

/** Facts about a loaded network. */
export interface NetworkInfo {
  provider: Provider;
  /** Why CUDA is not used although it was requested. */
  fallback?: string | undefined;
  /** Layers, as "name (operator)", that the CPU runs although the provider is CUDA. */
  layersOnCpu: string[];
  /** SHA-256 of the loaded weights, in hex. */
  sha256: string;
  /** Number of scores that the network gives. */
  classes: number;
  /** Maximum number of rows in a run, as measured or configured. */
  batch: number;
  loadMs: number;
  warmupMs: number;
  /** Milliseconds per row in a run of that size. */
  viewMs: number;
}

/** The name of a network in messages: the model's id, from a key such as `lenet5@fp32#1`. */
export function nameOf({ key }: Pick<NetworkSpec, 'key'>): string {
  return key.replace(/@.*$/, '');
}
