import { type ErrorCode, MenagerieError, toMenagerieError } from '../core/errors.js';
import type { Manifest } from '../core/manifest.js';
import type { DecodeLimits } from '../imaging/decode.js';
import type { Look } from '../imaging/read-picture.js';
import type { Rows } from './pixels.js';

// What is said between the main thread and its workers. One request is answered by one reply with the same id.

/** ONNX Runtime's execution provider that runs a network. */
export type Provider = 'cpu' | 'cuda';
/**
 * Which provider to use. `auto` takes CUDA where its library is installed and works, the CPU otherwise; `cuda` the same, and
 * says so too where none is installed; `cuda-required` takes nothing else.
 */
export type Device = 'auto' | Provider | 'cuda-required';

/** A network to load: the file and what its manifest says about it. */
export interface NetworkSpec extends Pick<Manifest, 'input' | 'preprocess' | 'output' | 'batch'> {
  /** Name of the loaded network, unique among all that are loaded. */
  key: string;
  /** The ONNX file. */
  file: string;
  /** Rows of a batch, unless the lane's settings say. */
  rows?: number | undefined;
}

/** What loading a network told. */
export interface NetworkInfo {
  provider: Provider;
  /** Why CUDA is not used although it was asked for. */
  fallback: string | undefined;
  /** Layers, as "name (operator)", that the CPU runs although the provider is another. */
  layersOnCpu: string[];
  /** Number of scores the network gives. */
  classes: number;
  /** Most rows that a run takes: as many as were measured to pay, or as configured. */
  batch: number;
  loadMs: number;
  warmupMs: number;
  /** Time for one row in batches of that size. */
  rowMs: number;
}

/** What became of one input of a run: scores as the network gives them, rows x classes. */
export type RunOutcome = { type: 'scores'; scores: Float32Array<ArrayBuffer> } | Failure;

/** The answer to a run. */
export interface RunReply {
  /** One for each input. */
  outcomes: RunOutcome[];
  preprocessMs: number;
  inferenceMs: number;
}

/** What a lane is given when it starts. */
export interface LaneSettings {
  device: Device;
  /** Threads that one network of the lane computes with. */
  threads: number;
  /** Rows of a batch; undefined: what is measured to pay when a network is loaded. */
  batch: number | undefined;
}

/** A picture to be read. */
export interface ReadRequest {
  /** The file. */
  bytes: Uint8Array;
  /** Whether EXIF orientation is applied. */
  autoOrient: boolean;
  looks: readonly Look[];
}

/** What a reader is given when it starts. */
export type ReaderSettings = DecodeLimits;

export type LaneRequest =
  | { id: number; type: 'load'; spec: NetworkSpec }
  | { id: number; type: 'unload'; key: string }
  | { id: number; type: 'run'; key: string; inputs: readonly Rows[] };

export type LaneReply =
  | { id: number; type: 'done'; result: NetworkInfo | RunReply | undefined }
  | ({ id: number } & Failure);

/** An error on its way from a thread. */
export interface Failure {
  type: 'failed';
  code: ErrorCode;
  message: string;
  /** Its cause as text: for the log. */
  detail: string | undefined;
}

/** An error as it is sent. */
export function failureOf(error: unknown): Failure {
  const { code, message, cause } = toMenagerieError(error);
  return { type: 'failed', code, message, detail: cause === undefined ? undefined : String(cause) };
}

/** The error that was sent. */
export function errorOf({ code, message, detail }: Failure): MenagerieError {
  return new MenagerieError(code, message, { cause: detail });
}
