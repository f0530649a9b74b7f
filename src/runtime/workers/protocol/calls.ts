import { type ErrorCode, MenagerieError, toMenagerieError } from '../../../core/errors.js';
import type { Rendering, ViewOptions } from '../../../core/views/test-time.js';
import type { Inspection, InspectRequest } from '../../inspection/inspection.js';
import type { NetworkInfo, NetworkSpec, Wants } from '../../networks/network-spec.js';
import type { WorkerSettings } from './worker-settings.js';

// The messages between the server and a worker. They hold no bytes: those are the parts of the frame that carries the message, in
// the order in which the message names them (see frame.ts).

/** How a picture is shown to one network, or to several with equal preprocessing. */
export interface PictureRequest {
  /** Whether pictures are turned as their metadata say. */
  autoOrient: boolean;
  viewOptions: ViewOptions;
}

/**
 * One input of a run. Its part is the file of a picture, or u8 views as renderViews makes them. Views of the same name are sent once: the
 * part of the second input that has them is empty.
 */
export type RunInput = RunOf & (({ kind: 'picture' } & PictureRequest) | { kind: 'views'; name: string; rows: number });

/** What is run on an input. */
interface RunOf {
  /** Name of the network. */
  key: string;
  wants: Wants;
}

/** Facts about a decoded picture. */
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
 * The outcome of one input of a run. Its part holds float32 scores as the network gives them, rows x classes, or features; then one
 * distance for each row if there are some. It is empty after a failure.
 */
export type RunOutcome =
  | {
      type: 'scores';
      /** How often each row counts; undefined for views, whose counts the server has. */
      counts?: number[] | undefined;
      picture?: PictureFacts | undefined;
      /** Whether the part ends with distances. */
      distances: boolean;
    }
  | Failure;

/** Describes a tensor whose values are a part of the frame: little-endian, row by row. */
export interface TensorInfo {
  name: string;
  /** ONNX Runtime's name of the type, such as `float32`. */
  type: string;
  dims: readonly number[];
}

/** Every call: its request and its answer. */
interface Calls {
  /** Always the first call. */
  start: { ask: { settings: WorkerSettings }; answer: object };
  load: { ask: { spec: NetworkSpec }; answer: { info: NetworkInfo } };
  unload: { ask: { key: string }; answer: object };
  /** Pictures or views to scores: one part and one outcome for each input. */
  run: {
    ask: { inputs: readonly RunInput[] };
    answer: { outcomes: RunOutcome[]; normaliseMs: number; inferenceMs: number };
  };
  /** One picture to views. The request's part is the file; the answer has one part of u8 pixels for each rendering. */
  render: {
    ask: { autoOrient: boolean; renderings: readonly Rendering[] };
    answer: { picture: PictureFacts; counts: number[][] };
  };
  /** The plain network on one ready tensor, over and over for some milliseconds. */
  repeat: { ask: { key: string; ms: number }; answer: { images: number; ms: number } };
  /** Tensors to tensors: one part for each. */
  compute: {
    ask: { key: string; feeds: readonly TensorInfo[]; fetches: readonly string[] };
    answer: { tensors: TensorInfo[]; inferenceMs: number };
  };
  inspect: { ask: { request: InspectRequest }; answer: { inspection: Inspection } };
}

export type CallKind = keyof Calls;
export type Ask<K extends CallKind> = Calls[K]['ask'];
export type CallAnswer<K extends CallKind> = Calls[K]['answer'];

/** The head of a frame that asks for an answer. */
export type CallHead = { [K in CallKind]: { id: number; kind: K; ask: Ask<K> } }[CallKind];

/** The head of a frame to a worker. `cancel` has no answer of its own: if the call it names has not begun, that is answered `cancelled`. */
export type AskHead = CallHead | { id: number; kind: 'cancel' };

const ASK_KINDS: Readonly<Record<AskHead['kind'], true>> = {
  start: true,
  load: true,
  unload: true,
  run: true,
  render: true,
  repeat: true,
  compute: true,
  inspect: true,
  cancel: true,
};

/** Whether a worker received one of the server's messages. The worker trusts the server with the fields of `ask`. */
export function isAskHead(head: object): head is AskHead {
  if (!('id' in head && 'kind' in head && typeof head.id === 'number' && typeof head.kind === 'string')) return false;
  if (!Object.hasOwn(ASK_KINDS, head.kind)) return false;
  return head.kind === 'cancel' || ('ask' in head && typeof head.ask === 'object' && head.ask !== null);
}

/** The head of a frame from a worker. The answer is read when it is known which call it belongs to (see parse-answer.ts). */
export type AnswerHead = { id: number } & ({ type: 'done'; answer: unknown } | { type: 'cancelled' } | Failure);

/** An error as a worker sends it. */
export interface Failure {
  type: 'failed';
  code: ErrorCode;
  message: string;
  /** Its cause as text, for the log. */
  detail?: string | undefined;
  retryAfterS?: number | undefined;
}

/** The message for an error. */
export function failureOf(error: unknown): Failure {
  const { code, message, cause, retryAfterS } = toMenagerieError(error);
  return { type: 'failed', code, message, detail: cause === undefined ? undefined : String(cause), retryAfterS };
}

/** The error of a message. */
export function errorOfFailure({ code, message, detail, retryAfterS }: Failure): MenagerieError {
  return new MenagerieError(code, message, {
    ...(detail === undefined ? {} : { cause: detail }),
    ...(retryAfterS === undefined ? {} : { retryAfterS }),
  });
}
