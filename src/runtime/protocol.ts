import { type ErrorCode, MenagerieError, toMenagerieError } from '../core/errors.js';
import type { Manifest } from '../core/manifest.js';
import type { Picture } from '../core/picture.js';
import type { Geometry, View } from '../core/views.js';

// What is said between the main thread and a lane. One request is answered by one reply with the same id.

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

/** What a lane makes of a picture for the networks of one geometry. */
export interface Rendering {
  geometry: Geometry;
  views: readonly View[];
}

/** Pixels of views as renderViews makes them, in memory that all threads see. */
export interface SharedPixels {
  /** Tells them from others. */
  id: number;
  data: Uint8Array<SharedArrayBuffer>;
  /** Number of views. */
  rows: number;
}

/** What a network runs on: views of a picture yet to be rendered, or some rows of the pixels of views. */
export type RunInput =
  | { picture: Picture; views: readonly View[] }
  | { pixels: SharedPixels; from: number; rows: number };

/** What became of one input of a run: scores as the network gives them, rows x classes. */
export type RunOutcome = { type: 'scores'; scores: Float32Array<ArrayBuffer> } | Failure;

/** The answer to a run. */
export interface RunReply {
  /** One for each input. */
  outcomes: RunOutcome[];
  preprocessMs: number;
  inferenceMs: number;
}

/** The answer to a picture's renderings: one entry for each. */
export interface RenderReply {
  pixels: Uint8Array<SharedArrayBuffer>[];
  preprocessMs: number;
}

/** What a lane is given when it starts. */
export interface LaneSettings {
  device: Device;
  /** Threads that one network of the lane computes with. */
  threads: number;
  /** Rows of a batch; undefined: what is measured to pay when a network is loaded. */
  batch: number | undefined;
}

export type LaneRequest =
  | { id: number; type: 'load'; spec: NetworkSpec }
  | { id: number; type: 'unload'; key: string }
  | { id: number; type: 'render'; picture: Picture; renderings: readonly Rendering[] }
  | { id: number; type: 'run'; key: string; inputs: readonly RunInput[] };

export type LaneReply =
  | { id: number; type: 'done'; result: NetworkInfo | RunReply | RenderReply | undefined }
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
