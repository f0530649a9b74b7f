import type { Tensor } from 'onnxruntime-node';
import { MenagerieError } from '../../../core/errors.js';
import { geometryOf } from '../../../core/views/views.js';
// Before anything decodes: what libvips may load.
import '../../../imaging/loaders.js';
import { type ReadPicture, readPicture } from '../../../imaging/read-picture.js';
import { InputTensor } from '../../networks/input-tensor.js';
import { Network, type Rows } from '../../networks/network.js';
import type { Answer, Ask, AskHead, CallKind, PictureFacts, RunInput, RunOutcome } from '../protocol/calls.js';
import { failureOf } from '../protocol/calls.js';
import type { Bytes } from '../protocol/frame.js';
import { tensorOf, valuesOf } from '../protocol/tensor-parts.js';
import type { WorkerSettings } from '../protocol/worker-settings.js';

// What a worker does, one call after the other.

type Part = Uint8Array<ArrayBuffer>;
type Reply<K extends CallKind> = { answer: Answer<K>; parts?: readonly Bytes[] };

let settings: WorkerSettings | undefined;
const networks = new Map<string, Network>();
const tensor = new InputTensor();
let pictures = 0;

/** Answers one call. */
export async function answerCall(
  call: Exclude<AskHead, { kind: 'cancel' }>,
  parts: readonly Part[],
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
async function run({ key, inputs }: Ask<'run'>, parts: readonly Part[]): Promise<Reply<'run'>> {
  const network = loaded(key);
  const outcomes: RunOutcome[] = [];
  const scores: Part[] = inputs.map(() => new Uint8Array());
  const rows: Rows[] = [];
  /** Which input the rows are of. */
  const places: number[] = [];
  for (const [i, input] of inputs.entries()) {
    const started = performance.now();
    try {
      const prepared = await prepare(network, input, parts[i] as Part);
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
  part: Part,
): Promise<{ rows: Rows; outcome: { weights?: number[]; picture?: PictureFacts } }> {
  if (input.kind === 'views') return { rows: { name: input.name, data: part, rows: input.rows }, outcome: {} };
  const looks = [{ geometry: geometryOf(spec), options: input.look }];
  const picture = await readPicture(part, input.autoOrient, looks, started().decode);
  const [look] = picture.looks;
  if (!look) throw new Error('a picture without views');
  const weights = look.views.map(({ weight }) => weight);
  const rows = { name: `picture ${++pictures}`, data: look.pixels, rows: weights.length };
  return { rows, outcome: { weights, picture: factsOf(picture) } };
}

async function render({ autoOrient, looks }: Ask<'render'>, [file]: readonly Part[]): Promise<Reply<'render'>> {
  if (!file) throw new MenagerieError('internal', 'A picture without bytes.');
  const asked = looks.map(({ geometry, look }) => ({ geometry, options: look }));
  const picture = await readPicture(file, autoOrient, asked, started().decode);
  const weights = picture.looks.map(({ views }) => views.map(({ weight }) => weight));
  return { answer: { picture: factsOf(picture), weights }, parts: picture.looks.map(({ pixels }) => pixels) };
}

function factsOf({ width, height, format, decodeMs, preprocessMs }: ReadPicture): PictureFacts {
  return { width, height, format, decodeMs, renderMs: preprocessMs };
}

async function compute({ key, feeds, fetches }: Ask<'compute'>, parts: readonly Part[]): Promise<Reply<'compute'>> {
  const given: Record<string, Tensor> = {};
  for (const [i, info] of feeds.entries()) given[info.name] = tensorOf(info, parts[i] as Part);
  const started = performance.now();
  const results = await loaded(key).compute(given, fetches);
  const inferenceMs = performance.now() - started;
  const found = fetches.map((name) => ({ name, tensor: results[name] as Tensor }));
  const tensors = found.map(({ name, tensor: { type, dims } }) => ({ name, type, dims }));
  return { answer: { tensors, inferenceMs }, parts: found.map(({ tensor: result }) => valuesOf(result)) };
}
