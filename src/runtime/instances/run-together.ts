import { missing } from '../../core/at.js';
import { concatenated } from '../../core/concatenate.js';
import { MenagerieError } from '../../core/errors.js';
import { isMemoryRefused } from '../../core/memory-errors.js';
import type { PixelValues } from '../../core/pixels/pixel-type.js';
import type { InputTensor } from '../networks/input-tensor.js';
import type { Wants } from '../networks/network-spec.js';
import type { Output, Outputs, Result } from './forward.js';
import type { Network, Rows } from './network.js';

/** Something to run: a network on views. */
export interface ToRun {
  network: Network;
  input: Rows;
  wants: Wants;
}

/** The outcome for one thing to run. */
export type NetworkOutcome = Result | { error: unknown };

/** The outputs of a session for one input. */
type Given = { outputs: Outputs } | { error: unknown };

/**
 * Runs networks on their inputs. What shares a session runs on it together, and only once on equal views. If that fails, each input
 * is run alone, so that one input does not fail the others.
 * @param tensor memory for the input tensor
 * @returns one outcome for each, in order
 */
export async function runTogether(
  all: readonly ToRun[],
  tensor: InputTensor,
): Promise<{ outcomes: NetworkOutcome[]; normaliseMs: number; inferenceMs: number }> {
  const outcomes = new Map<ToRun, NetworkOutcome>();
  let [normaliseMs, inferenceMs] = [0, 0];
  for (const lane of new Set(all.map(({ network }) => network.lane))) {
    const together = all.filter(({ network }) => network.lane === lane);
    const { network } = together[0] ?? missing(0);
    const inputs = [...new Map(together.map(({ input }) => [input.name, input])).values()];
    const started = performance.now();
    const values = network.values(inputs, tensor);
    const normalised = performance.now();
    const given = await runAll(network, inputs, values, fetchesOf(together), mostRows(together));
    for (const each of together) outcomes.set(each, await conclude(each, given.get(each.input.name)));
    normaliseMs += normalised - started;
    inferenceMs += performance.now() - normalised;
  }
  const inOrder = all.map((each): NetworkOutcome => outcomes.get(each) ?? { error: new Error('it was not run') });
  return { outcomes: inOrder, normaliseMs, inferenceMs };
}

function fetchesOf(together: readonly ToRun[]): string[] {
  return [...new Set(together.flatMap(({ network, wants }) => network.forward.fetches(wants)))];
}

/** With a batch size of 1, row by row: a picture may have several views. */
function mostRows(together: readonly ToRun[]): number {
  return together.some(({ network }) => network.info.batch === 1) ? 1 : Number.POSITIVE_INFINITY;
}

/** Runs the session of a network on inputs. @returns what it gave for each, by name */
async function runAll(
  network: Network,
  inputs: readonly Rows[],
  values: PixelValues,
  fetches: readonly string[],
  most: number,
): Promise<Map<string, Given>> {
  try {
    const outputs = await runRows(network, values, fetches, most);
    const total = values.length / network.length;
    let row = 0;
    return new Map(
      inputs.map(({ name, rows }) => {
        const from = row;
        row += rows;
        return [name, { outputs: rowsOf(outputs, from, row, total) }];
      }),
    );
  } catch (error) {
    const [only, ...others] = inputs;
    if (only && others.length === 0) {
      return new Map([[only.name, { error: isMemoryRefused(error) ? network.tooMuchMemory(error) : error }]]);
    }
    const given = new Map<string, Given>();
    let at = 0;
    for (const input of inputs) {
      const end = at + input.rows * network.length;
      const alone = await runAll(network, [input], values.subarray(at, end), fetches, most);
      for (const [name, one] of alone) given.set(name, one);
      at = end;
    }
    return given;
  }
}

async function runRows(
  { forward, length }: Network,
  values: PixelValues,
  fetches: readonly string[],
  most: number,
): Promise<Outputs> {
  const total = values.length / length;
  if (total <= most) return await forward.run(values, total, fetches);
  const runs: Outputs[] = [];
  for (let row = 0; row < total; row += most) {
    const part = values.subarray(row * length, (row + most) * length);
    runs.push(await forward.run(part, most, fetches));
  }
  return Object.fromEntries(
    fetches.map((name): [string, Output] => {
      const parts = runs.map((outputs) => outputs[name]?.values ?? new Float32Array());
      return [name, { values: concatenated(parts), dims: [] }];
    }),
  );
}

/** The outputs for some of the rows. */
function rowsOf(outputs: Outputs, from: number, to: number, total: number): Outputs {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { values, dims }]) => {
      const length = values.length / total;
      return [name, { values: values.subarray(from * length, to * length), dims }];
    }),
  );
}

async function conclude({ network, input: { rows }, wants }: ToRun, given: Given | undefined): Promise<NetworkOutcome> {
  if (!given) return { error: new Error('the session was not run') };
  if ('error' in given) return given;
  const { forward, info } = network;
  try {
    if (wants === 'scores') return forward.scores(await forward.stated(given.outputs, rows), rows);
    if (info.features === undefined) throw new MenagerieError('invalid_request', 'The network gives no features.');
    return forward.features(given.outputs, rows);
  } catch (error) {
    return { error: isMemoryRefused(error) ? network.tooMuchMemory(error) : error };
  }
}
