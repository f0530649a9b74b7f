import { ERRORS, isErrorCode } from '../../../core/errors.js';
import type { Summary } from '../../../onnx/layers/summary.js';
import type { Provider } from '../../device/providers.js';
import type { Inspection, LayerTimings } from '../../inspection/inspection.js';
import type { NetworkInfo } from '../../networks/network-spec.js';
import type { AnswerHead, CallAnswer, CallKind, Failure, PictureFacts, RunOutcome, TensorInfo } from './calls.js';

// Reads what a worker sends. A worker may have been taken over by a file that it decoded, so nothing it sends is taken as it comes.

type Fields = Readonly<Record<string, unknown>>;

/** Reads the head of a frame. @returns undefined if it is not an answer */
export function parseAnswerHead(head: object): AnswerHead | undefined {
  if (!isFields(head) || typeof head.id !== 'number') return undefined;
  const { id, type } = head;
  if (type === 'done') return { id, type, answer: head.answer };
  if (type === 'cancelled') return { id, type };
  return type === 'failed' ? { id, ...failure(head) } : undefined;
}

/**
 * Reads the answer to a call.
 * @throws Error if it is not one to a call of this kind
 */
export function parseAnswer<K extends CallKind>(kind: K, answer: unknown): CallAnswer<K> {
  try {
    return ANSWERS[kind](fields(answer));
  } catch (error) {
    throw new Error(`a worker answered "${kind}" with something else`, { cause: error });
  }
}

const ANSWERS: { [K in CallKind]: (answer: Fields) => CallAnswer<K> } = {
  start: () => ({}),
  load: ({ info }) => ({ info: networkInfo(info) }),
  unload: () => ({}),
  run: ({ outcomes, normaliseMs, inferenceMs }) => ({
    outcomes: list(outcomes, runOutcome),
    normaliseMs: number(normaliseMs),
    inferenceMs: number(inferenceMs),
  }),
  render: ({ picture, counts }) => ({
    picture: pictureFacts(picture),
    counts: list(counts, (each) => list(each, positive)),
  }),
  repeat: ({ images, ms }) => ({ images: number(images), ms: number(ms) }),
  compute: ({ tensors, inferenceMs }) => ({ tensors: list(tensors, tensorInfo), inferenceMs: number(inferenceMs) }),
  inspect: ({ inspection: found }) => ({ inspection: inspection(found) }),
  train: ({ tensors, facts }) => ({ tensors: list(tensors, tensorInfo), facts: numbers(facts) }),
};

function runOutcome(value: unknown): RunOutcome {
  const outcome = fields(value);
  if (outcome.type === 'failed') return failure(outcome);
  if (outcome.type !== 'scores') throw new TypeError('an outcome is neither scores nor a failure');
  const { counts, picture, distances } = outcome;
  return {
    type: 'scores',
    distances: distances === true,
    counts: counts === undefined ? undefined : list(counts, positive),
    picture: picture === undefined ? undefined : pictureFacts(picture),
  };
}

/** A failure without a code, or with an unknown one, is an `internal` error. */
function failure({ code, message, detail, retryAfterS }: Fields): Failure {
  const known = isErrorCode(code) && typeof message === 'string';
  return {
    type: 'failed',
    code: known ? code : 'internal',
    message: known ? message : ERRORS.internal,
    detail: typeof detail === 'string' ? detail : undefined,
    retryAfterS: typeof retryAfterS === 'number' ? retryAfterS : undefined,
  };
}

function pictureFacts(value: unknown): PictureFacts {
  const { width, height, format, decodeMs, renderMs } = fields(value);
  return {
    width: positive(width),
    height: positive(height),
    format: text(format),
    decodeMs: number(decodeMs),
    renderMs: number(renderMs),
  };
}

function networkInfo(value: unknown): NetworkInfo {
  const info = fields(value);
  return {
    provider: provider(info.provider),
    fallback: info.fallback === undefined ? undefined : text(info.fallback),
    layersOnCpu: list(info.layersOnCpu, text),
    sha256: text(info.sha256),
    session: text(info.session),
    headBytes: number(info.headBytes),
    classes: positive(info.classes),
    features: info.features === undefined ? undefined : positive(info.features),
    batch: positive(info.batch),
    loadMs: number(info.loadMs),
    warmupMs: number(info.warmupMs),
    viewMs: number(info.viewMs),
  };
}

function tensorInfo(value: unknown): TensorInfo {
  const { name, type, dims } = fields(value);
  return { name: text(name), type: text(type), dims: list(dims, number) };
}

function inspection(value: unknown): Inspection {
  const { summary, opsets, producer, irVersion, untrained, fileBytes, timings } = fields(value);
  if (!isSummary(summary)) throw new TypeError('the summary is not one');
  return {
    summary,
    opsets: numbers(opsets),
    producer: text(producer),
    irVersion: number(irVersion),
    untrained: untrained === true,
    fileBytes: number(fileBytes),
    timings: timings === undefined ? undefined : layerTimings(timings),
  };
}

function layerTimings(value: unknown): LayerTimings {
  const { totalMs, layerMs } = fields(value);
  return { totalMs: number(totalMs), layerMs: numbers(layerMs) };
}

/** Checks what the server computes with. Layers and parts, of which there may be 100,000, are only shown. */
function isSummary(value: unknown): value is Summary {
  if (!isFields(value) || !isFields(value.totals)) return false;
  const { inputs, outputs, layers, parts, totals } = value;
  if (![inputs, outputs, layers, parts].every(Array.isArray)) return false;
  for (const { shape } of list(inputs, fields)) list(shape, number);
  return [totals.macs, totals.activationBytes].every(Number.isFinite);
}

function fields(value: unknown): Fields {
  if (isFields(value)) return value;
  throw new TypeError('no object');
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

function list<T>(value: unknown, parse: (entry: unknown) => T): T[] {
  if (!Array.isArray(value)) throw new TypeError('no list');
  return value.map((entry) => parse(entry));
}

function numbers(value: unknown): Record<string, number> {
  return Object.fromEntries(Object.entries(fields(value)).map(([name, entry]) => [name, number(entry)]));
}

function number(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new TypeError('no number');
}

function positive(value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value > 0) return value;
  throw new TypeError('no positive whole number');
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new TypeError('no text');
}

function provider(value: unknown): Provider {
  if (value === 'cpu' || value === 'cuda') return value;
  throw new TypeError('no execution provider');
}
