import { type ErrorCode, MenagerieError, toMenagerieError } from '../core/errors.js';
import type { Manifest } from '../core/manifest.js';
import type { Picture } from '../core/picture.js';
import type { Preparation } from '../core/prepare.js';

// What is said between the main thread and a lane. One request is answered by one reply with the same id.

/** ONNX Runtime's execution provider that runs a network. */
export type Provider = 'cpu' | 'cuda';
/** Which provider to use; `auto` takes CUDA where its library is installed and works, the CPU otherwise. */
export type Device = 'auto' | Provider;

/** A network to load: the file and what its manifest says about it. */
export interface NetworkSpec {
  /** Name of the loaded network, unique among all that are loaded. */
  key: string;
  /** The ONNX file. */
  file: string;
  preparation: Preparation;
  output: Manifest['output'];
}

/** What loading a network told. */
export interface NetworkInfo {
  provider: Provider;
  /** Why CUDA was not used although `auto` tried it. */
  fallback: string | undefined;
  /** Number of scores the network gives. */
  classes: number;
  loadMs: number;
  warmupMs: number;
}

/** The answer about one picture. */
export interface RunResult {
  /** One probability per class. */
  probabilities: Float32Array<ArrayBuffer>;
  preprocessMs: number;
  inferenceMs: number;
}

/** What a lane is given when it starts. */
export interface LaneSettings {
  device: Device;
  /** Threads that one network of the lane computes with. */
  threads: number;
}

export type LaneRequest =
  | { id: number; type: 'load'; spec: NetworkSpec }
  | { id: number; type: 'unload'; key: string }
  | { id: number; type: 'run'; key: string; picture: Picture };

export type LaneReply =
  | { id: number; type: 'done'; result: NetworkInfo | RunResult | undefined }
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
