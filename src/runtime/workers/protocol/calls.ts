import { ERRORS, type ErrorCode, MenagerieError, toMenagerieError } from '../../../core/errors.js';
import type { Rendering, ViewOptions } from '../../../core/views/test-time.js';
import type { Inspection, InspectRequest } from '../../inspection/inspection.js';
import type { NetworkInfo, NetworkSpec } from '../../networks/network-spec.js';
import type { WorkerSettings } from './worker-settings.js';

// What the server asks a worker, and what it answers. Bytes are not in here: they are the parts of the frame beside it, in the
// order in which the message names them (see frame.ts).

/** Which views of a picture one network, or several alike, see. */
export interface PictureRequest {
  /** Whether EXIF orientation is applied. */
  autoOrient: boolean;
  viewOptions: ViewOptions;
}

/** One input of a run. Its part is the file of a picture, or u8 views as renderViews makes them. */
export type RunInput = ({ kind: 'picture' } & PictureRequest) | { kind: 'views'; name: string; rows: number };

/** A picture that was decoded. */
export interface PictureFacts {
  /** Pixels. */
  width: number;
  /** Pixels. */
  height: number;
  format: string;
  decodeMs: number;
  /** Resizing and cropping. */
  renderMs: number;
}

/**
 * What became of one input of a run. Its part holds float32 scores as the network gives them, rows x classes; nothing where it
 * failed.
 */
export type RunOutcome =
  | {
      type: 'scores';
      /** How often each row counts; of views, the server knows. */
      counts?: number[];
      picture?: PictureFacts;
    }
  | (Failure & { decodeMs?: number });

/** A tensor beside whose description its values are a part: little-endian, row by row. */
export interface TensorInfo {
  name: string;
  /** ONNX Runtime's name of the type, such as `float32`. */
  type: string;
  dims: readonly number[];
}

/** Every call: what is asked and what is answered. */
interface Calls {
  /** The first of all. */
  start: { ask: { settings: WorkerSettings }; answer: object };
  load: { ask: { spec: NetworkSpec }; answer: { info: NetworkInfo } };
  unload: { ask: { key: string }; answer: object };
  /** Pictures or views to scores: one part and one outcome for each input. */
  run: {
    ask: { key: string; inputs: readonly RunInput[] };
    answer: { outcomes: RunOutcome[]; normaliseMs: number; inferenceMs: number };
  };
  /** One picture to views: the part is its file. The answer has a part of u8 pixels for each geometry. */
  render: {
    ask: { autoOrient: boolean; renderings: readonly Rendering[] };
    answer: { picture: PictureFacts; counts: number[][] };
  };
  /** Tensors to tensors: a part for each. */
  compute: {
    ask: { key: string; feeds: readonly TensorInfo[]; fetches: readonly string[] };
    answer: { tensors: TensorInfo[]; inferenceMs: number };
  };
  inspect: { ask: { request: InspectRequest }; answer: { inspection: Inspection } };
}

export type CallKind = keyof Calls;
export type Ask<K extends CallKind> = Calls[K]['ask'];
export type CallAnswer<K extends CallKind> = Calls[K]['answer'];

/** The head of a frame to a worker. `cancel` is not answered: what it names is answered with `cancelled` if it has not begun. */
export type AskHead =
  | { [K in CallKind]: { id: number; kind: K; ask: Ask<K> } }[CallKind]
  | { id: number; kind: 'cancel' };

/** The head of a frame from a worker. */
export type AnswerHead = { id: number } & ({ type: 'done'; answer: object } | { type: 'cancelled' } | Failure);

/** An error on its way from a worker. */
export interface Failure {
  type: 'failed';
  code: ErrorCode;
  message: string;
  /** Its cause as text: for the log. */
  detail?: string | undefined;
  retryAfterS?: number | undefined;
}

/** An error as it is sent. */
export function failureOf(error: unknown): Failure {
  const { code, message, cause, retryAfterS } = toMenagerieError(error);
  return { type: 'failed', code, message, detail: cause === undefined ? undefined : String(cause), retryAfterS };
}

/** The error that was sent. */
export function errorOfFailure({ code, message, detail, retryAfterS }: Failure): MenagerieError {
  const known = Object.hasOwn(ERRORS, code);
  return new MenagerieError(known ? code : 'internal', known ? String(message) : ERRORS.internal, {
    ...(detail === undefined ? {} : { cause: detail }),
    ...(retryAfterS === undefined ? {} : { retryAfterS }),
  });
}
