import type { Tensor } from 'onnxruntime-node';
import { geometryOf } from '../../../core/views/views.js';
// Must come before anything decodes: it sets which formats libvips may load.
import '../../../imaging/loaders.js';
import { type ReadPicture, readPicture } from '../../../imaging/read-picture.js';
import { Network, type Rows } from '../../instances/network.js';
import { runTogether, type ToRun } from '../../instances/run-together.js';
import { Sessions } from '../../instances/sessions.js';
import { InputTensor } from '../../networks/input-tensor.js';
import {
  type Ask,
  type CallAnswer,
  type CallHead,
  type CallKind,
  failureOf,
  type PictureFacts,
  type RunInput,
  type RunOutcome,
  type TensorInfo,
} from '../protocol/calls.js';
import type { Bytes } from '../protocol/frame.js';
import { tensorOf, valuesOf } from '../protocol/tensor-parts.js';
import type { WorkerSettings } from '../protocol/worker-settings.js';

// How a worker answers each kind of call.

/** A part of a frame. */
export type PartBytes = Uint8Array<ArrayBuffer>;
type Reply<K extends CallKind> = { answer: CallAnswer<K>; parts?: readonly Bytes[] };

let settings: WorkerSettings | undefined;
const networks = new Map<string, Network>();
const sessions = new Sessions();
const tensor = new InputTensor();
/** Names pictures, so that the input tensor is reused only for the same one. */
let picturesRendered = 0;

/** Answers one call. @throws whatever the call fails with */
export async function answerCall(
  call: CallHead,
  parts: readonly PartBytes[],
): Promise<{ answer: object; parts?: readonly Bytes[] }> {
  switch (call.kind) {
    case 'start':
      settings = call.ask.settings;
      return { answer: {} };
    case 'load':
      return load(call.ask);
    case 'unload':
      return unload(call.ask);
    case 'run':
      return run(call.ask, parts);
    case 'render':
      return render(call.ask, parts);
    case 'repeat':
      return { answer: await loaded(call.ask.key).repeat(call.ask.ms) };
    case 'compute':
      return compute(call.ask, parts);
    case 'inspect': {
      // Imported only here: ordinary workers never need it.
      const { inspect } = await import('../../inspection/inspect.js');
      return { answer: { inspection: await inspect(call.ask.request) } };
    }
  }
}

function started(): WorkerSettings {
  if (!settings) throw new Error('the worker was not told its settings');
  return settings;
}

function loaded(key: string): Network {
  const network = networks.get(key);
  if (!network) throw new Error(`network ${key} is not in this worker`);
  return network;
}

async function load({ spec }: Ask<'load'>): Promise<Reply<'load'>> {
  const network = await Network.load(spec, started(), sessions);
  networks.set(spec.key, network);
  return { answer: { info: network.info } };
}

async function unload({ key }: Ask<'unload'>): Promise<Reply<'unload'>> {
  const network = networks.get(key);
  networks.delete(key);
  await network?.release();
  return { answer: {} };
}

/** Decodes the pictures among the inputs one after the other, then runs the networks on all rows together. */
async function run({ inputs }: Ask<'run'>, parts: readonly PartBytes[]): Promise<Reply<'run'>> {
  const outcomes: RunOutcome[] = [];
  const scores: Bytes[] = inputs.map(() => new Uint8Array());
  const toRun: ToRun[] = [];
  /** Index of the input, for each entry of `toRun`. */
  const places: number[] = [];
  for (const [i, input] of inputs.entries()) {
    try {
      const network = loaded(input.key);
      const prepared = await prepare(network, input, partOf(parts, i), toRun);
      outcomes.push({ type: 'scores', distances: false, ...prepared.outcome });
      toRun.push({ network, input: prepared.rows, wants: input.wants });
      places.push(i);
    } catch (error) {
      outcomes.push(failureOf(error));
    }
  }
  const { outcomes: ran, normaliseMs, inferenceMs } = await runTogether(toRun, tensor);
  for (const [k, i] of places.entries()) {
    const outcome = ran[k] ?? { error: new Error('the network gave no outcome') };
    const prepared = outcomes[i];
    if ('error' in outcome) outcomes[i] = failureOf(outcome.error);
    else if (prepared?.type === 'scores') {
      prepared.distances = outcome.distances !== undefined;
      scores[i] = Buffer.concat([outcome.scores, outcome.distances ?? new Float32Array()].map(bytesOf));
    }
  }
  return { answer: { outcomes, normaliseMs, inferenceMs }, parts: scores };
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

async function prepare(
  { spec }: Network,
  input: RunInput,
  part: PartBytes,
  before: readonly ToRun[],
): Promise<{ rows: Rows; outcome: { counts?: number[]; picture?: PictureFacts } }> {
  if (input.kind === 'views') {
    const { name, rows } = input;
    const sent = before.find((each) => each.input.name === name);
    return { rows: sent?.input ?? { name, data: part, rows }, outcome: {} };
  }
  const rendering = { geometry: geometryOf(spec), viewOptions: input.viewOptions };
  const picture = await readPicture(part, input.autoOrient, [rendering], started().decode);
  const [rendered] = picture.renderings;
  if (!rendered) throw new Error('a picture without views');
  const counts = rendered.views.map(({ count }) => count);
  const rows = { name: `picture ${++picturesRendered}`, data: rendered.pixels, rows: counts.length };
  return { rows, outcome: { counts, picture: factsOf(picture) } };
}

async function render(
  { autoOrient, renderings }: Ask<'render'>,
  parts: readonly PartBytes[],
): Promise<Reply<'render'>> {
  const picture = await readPicture(partOf(parts, 0), autoOrient, renderings, started().decode);
  const counts = picture.renderings.map(({ views }) => views.map(({ count }) => count));
  return { answer: { picture: factsOf(picture), counts }, parts: picture.renderings.map(({ pixels }) => pixels) };
}

function factsOf({ width, height, format, decodeMs, preprocessMs }: ReadPicture): PictureFacts {
  return { width, height, format, decodeMs, renderMs: preprocessMs };
}

async function compute(
  { key, feeds, fetches }: Ask<'compute'>,
  parts: readonly PartBytes[],
): Promise<Reply<'compute'>> {
  const given: Record<string, Tensor> = {};
  for (const [i, info] of feeds.entries()) given[info.name] = tensorOf(info, partOf(parts, i));
  const started = performance.now();
  const results = await loaded(key).compute(given, fetches);
  const inferenceMs = performance.now() - started;
  const tensors: TensorInfo[] = [];
  const values: Uint8Array[] = [];
  for (const name of fetches) {
    const result = results[name];
    if (!result) throw new Error(`the network did not return its output "${name}"`);
    tensors.push({ name, type: result.type, dims: result.dims });
    values.push(valuesOf(result));
  }
  return { answer: { tensors, inferenceMs }, parts: values };
}

function partOf(parts: readonly PartBytes[], i: number): PartBytes {
  const part = parts[i];
  if (!part) throw new Error(`the frame has no part ${i}`);
  return part;
}
