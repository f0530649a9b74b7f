import type { Manifest } from '../../core/manifest/manifest.js';
import type { Provider } from '../device/providers.js';

/** The network that another one's file was trained on. */
export interface BaseFile {
  /** The ONNX file. */
  file: string;
  /** SHA-256 of the file in hex. */
  fileSha256: string;
  /** The same for external data files, by the names that the ONNX file has for them. */
  externalSha256: Readonly<Record<string, string>>;
  /** Name of its output with the scores. */
  output: string;
}

/** A tensor inside the graph. */
export interface LayerTensor {
  tensor: string;
  /** Number of its values for one view. */
  size: number;
}

/** A network to load: its file, and what the manifest says about it. */
export interface NetworkSpec extends Pick<Manifest, 'input' | 'preprocess' | 'output' | 'batch' | 'unknown'> {
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
  /** For a head that was trained on another network, if that is there: they share its session where their backbones are equal. */
  base?: BaseFile | undefined;
  /** Whose values are the features, in place of what the last layer with weights sees. */
  layer?: LayerTensor | undefined;
  /** Threads of an instance for lone requests (see lone-instances.ts); undefined: as many as the worker's settings say. */
  loneThreads?: number | undefined;
}

/** What is wanted of a network: scores of its classes, or its features. */
export type Wants = 'scores' | 'features';

/** Facts about a loaded network. */
export interface NetworkInfo {
  provider: Provider;
  /** Why CUDA is not used although it was requested. */
  fallback?: string | undefined;
  /** Layers, as "name (operator)", that the CPU runs although the provider is CUDA. */
  layersOnCpu: string[];
  /** SHA-256 of the loaded weights, in hex. */
  sha256: string;
  /** Names the session that takes the pictures: networks for which it is equal share it in a worker. */
  session: string;
  /** Bytes of weights that run after that session and belong to this network alone; 0 if nothing does. */
  headBytes: number;
  /** Number of scores that the network gives. */
  classes: number;
  /** Number of features: what its last layer with weights sees, or the values of a layer; undefined if it gives none. */
  features?: number | undefined;
  /** Maximum number of rows in a run, as measured or configured. */
  batch: number;
  loadMs: number;
  warmupMs: number;
  /** Milliseconds per row in a run of that size. */
  viewMs: number;
}

/**
 * Names the session that a network is expected to run on, as far as that can be told before it is loaded: its base's, else its own.
 * @returns undefined if no hash is known
 */
export function expectedSession(spec: NetworkSpec): string | undefined {
  const { base, fileSha256, sha256, output } = spec;
  const file = base?.fileSha256 ?? fileSha256 ?? sha256;
  return file === undefined ? undefined : sessionName(file, base?.output ?? output.name, spec);
}

/**
 * The name of a session.
 * @param sha256 of all its weights
 * @param output name of its output with the scores
 * @param spec says how it differs from others of the same file
 */
export function sessionName(
  sha256: string,
  output: string,
  { layer, loneThreads }: Pick<NetworkSpec, 'layer' | 'loneThreads'>,
): string {
  return `${sha256} ${output} ${layer?.tensor ?? ''} ${loneThreads ?? ''}`;
}

/** The name of a network in messages: the model's id, from a key such as `lenet5@fp32#1`. */
export function nameOf({ key }: Pick<NetworkSpec, 'key'>): string {
  return key.replace(/@.*$/, '');
}
