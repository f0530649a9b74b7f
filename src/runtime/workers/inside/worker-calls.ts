import type { Tensor } from 'onnxruntime-node';
import { MenagerieError } from '../../../core/errors.js';
import { geometryOf } from '../../../core/views/views.js';
// Before anything decodes: what libvips may load.
import '../../../imaging/loaders.js';
import { type ReadPicture, readPicture } from '../../../imaging/read-picture.js';
import { InputTensor } from '../../networks/input-tensor.js';
import { Network, type Rows } from '../../networks/network.js';
import {
  type Ask,
  type AskHead,
  type CallAnswer,
  type CallKind,
  failureOf,
  type PictureFacts,
  type RunInput,
  type RunOutcome,
} from '../protocol/calls.js';
import type { Bytes } from '../protocol/frame.js';
import { tensorOf, valuesOf } from '../protocol/tensor-parts.js';
import type { WorkerSettings } from '../protocol/worker-settings.js';

// What a worker does, one call after the other.

type PartBytes = Uint8Array<ArrayBuffer>;
type Reply<K extends CallKind> = { answer: CallAnswer<K>; parts?: readonly Bytes[] };

let settings: WorkerSettings | undefined;
const networks = new Map<string, Network>();
const tensor = new InputTensor();
let picturesDone = 0;

/** Answers one call. */
export async function answerCall(
  call: Exclude<AskHead, { kind: 'cancel' }>,
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
    case 'compute':
      return compute(call.ask, parts);
    case 'inspect': {
      // It changes what the runtime makes of this process's types (see there), and ordinary workers never need it.
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
  const network = await Network.load(spec, started());
  networks.set(spec.key, network);
  return { answer: { info: network.info } };
}

async function unload({ key }: Ask<'unload'>): Promise<Reply<'unload'>> {
  const network = networks.get(key);
  networks.delete(key);
  await network?.release();
  return { answer: {} };
}

/** Decodes the pictures among the inputs one after the other, and runs the network on all there is at once. */
async function run({ key, inputs }: Ask<'run'>, parts: readonly PartBytes[]): Promise<Reply<'run'>> {
  const network = loaded(key);
  const outcomes: RunOutcome[] = [];
  const scores: PartBytes[] = inputs.map(() => new Uint8Array());
  const rows: Rows[] = [];
  /** Which input the rows are of. */
  const places: number[] = [];
  for (const [i, input] of inputs.entries()) {
    const started = performance.now();
    try {
      const prepared = await prepare(network, input, parts[i] as PartBytes);
      outcomes.push({ type: 'scores', ...prepared.outcome });
      rows.push(prepared.rows);
      places.push(i);
    } catch (error) {
      outcomes.push({ ...failureOf(error), decodeMs: performance.now() - started });
    }
  }
  if (rows.length === 0) return { answer: { outcomes, normaliseMs: 0, inferenceMs: 0 }, parts: scores };
  const ran = await network.run(rows, tensor);
  for (const [k, outcome] of ran.outcomes.entries()) {
    const i = places[k] as number;
    if ('error' in outcome) outcomes[i] = failureOf(outcome.error);
    else scores[i] = new Uint8Array(outcome.scores.buffer, outcome.scores.byteOffset, outcome.scores.byteLength);
  }
  const { normaliseMs, inferenceMs } = ran;
  return { answer: { outcomes, normaliseMs, inferenceMs }, parts: scores };
}

async function prepare(
  { spec }: Network,
  input: RunInput,
  part: PartBytes,
): Promise<{ rows: Rows; outcome: { counts?: number[]; picture?: PictureFacts } }> {
  if (input.kind === 'views') return { rows: { name: input.name, data: part, rows: input.rows }, outcome: {} };
  const rendering = { geometry: geometryOf(spec), viewOptions: input.viewOptions };
  const picture = await readPicture(part, input.autoOrient, [rendering], started().decode);
  const [rendered] = picture.renderings;
  if (!rendered) throw new Error('a picture without views');
  const counts = rendered.views.map(({ count }) => count);
  const rows = { name: `picture ${++picturesDone}`, data: rendered.pixels, rows: counts.length };
  return { rows, outcome: { counts, picture: factsOf(picture) } };
}

async function render(
  { autoOrient, renderings }: Ask<'render'>,
  [file]: readonly PartBytes[],
): Promise<Reply<'render'>> {
  if (!file) throw new MenagerieError('internal', 'A picture without bytes.');
  const picture = await readPicture(file, autoOrient, renderings, started().decode);
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
  for (const [i, info] of feeds.entries()) given[info.name] = tensorOf(info, parts[i] as PartBytes);
  const started = performance.now();
  const results = await loaded(key).compute(given, fetches);
  const inferenceMs = performance.now() - started;
  const found = fetches.map((name) => ({ name, tensor: results[name] as Tensor }));
  const tensors = found.map(({ name, tensor: { type, dims } }) => ({ name, type, dims }));
  return { answer: { tensors, inferenceMs }, parts: found.map(({ tensor: result }) => valuesOf(result)) };
}
