import { missing } from '../../core/at.js';
import { createRandom } from '../../core/random.js';
import { countOf } from '../../core/shape.js';
import { GraphSession, type GraphValues } from '../../runtime/networks/graph-session.js';
import type { TrainTensor } from '../protocol/steps.js';
import { minimise, type Objective } from './lbfgs.js';
import {
  gradientOf,
  HIDDEN_BIAS,
  HIDDEN_WEIGHTS,
  OUTPUT_BIAS,
  OUTPUT_WEIGHTS,
  PROBABILITIES,
  ROW_LOSS,
  softmaxGraph,
} from './softmax-graph.js';
import { foldedIn, type Standardisation, standardise } from './standardise.js';

/** What a head is fitted to. */
export interface HeadData {
  /** rows x size; standardised in place. */
  features: Float32Array;
  size: number;
  classes: number;
  /** One for each row. */
  labels: Int32Array;
}

export interface FitOptions {
  hidden: number;
  l2: number;
  warm: boolean;
  seed: number;
  tolerance: number;
}

/** A weight of the head, and where its values are among all of them. */
interface Weight {
  name: string;
  dims: number[];
  from: number;
  to: number;
  /** Whether L2 pulls it to 0: not a bias. */
  decays: boolean;
}

/** Rows that the graph sees at once: bounds the memory of a run. */
const BLOCK_ROWS = 4096;
/** Iterations of a fit. A hidden layer has no one minimum that would be worth more. */
const [MOST_ITERATIONS, MOST_WITH_HIDDEN] = [500, 100];

/** Fits softmax regressions on standardised features, by L-BFGS with loss and gradient of an ONNX graph. */
export class HeadFitter {
  readonly #data: HeadData;
  readonly #standardisation: Standardisation;
  /** By whether they have a hidden layer. */
  readonly #sessions = new Map<boolean, GraphSession>();
  readonly #fits = new Map<string, { hidden: number; point: Float32Array }>();

  constructor(data: HeadData) {
    this.#data = data;
    this.#standardisation = standardise(data.features, data.size);
  }

  /**
   * Minimises the weighted mean of the cross-entropy plus l2 / 2 x the sum of squared weights, without biases.
   * @param rows the rows to fit on
   * @param rowWeights their weights
   */
  async fit(name: string, options: FitOptions, rows: Int32Array, rowWeights: Float32Array): Promise<void> {
    const { hidden, l2, warm, seed, tolerance } = options;
    const maxIterations = hidden > 0 ? MOST_WITH_HIDDEN : MOST_ITERATIONS;
    const session = await this.#session(hidden > 0);
    const weights = this.#weights(hidden);
    const last = this.#fits.get(name);
    const start = warm && last?.hidden === hidden ? last.point : firstPoint(weights, seed);
    const objective = this.#objective(session, weights, l2, this.#blocks(rows, rowWeights));
    const point = await minimise(objective, start, { tolerance, maxIterations });
    this.#fits.set(name, { hidden, point });
  }

  /** The probabilities of rows by a fit: rows x classes. */
  async probabilities(name: string, rows: Int32Array): Promise<Float32Array> {
    const { hidden, point } = this.#fitted(name);
    const session = await this.#session(hidden > 0);
    const { classes } = this.#data;
    const result = new Float32Array(rows.length * classes);
    let offset = 0;
    for (const { feeds } of this.#blocks(rows, new Float32Array(rows.length))) {
      const output = await session.run({ ...feeds, ...feedsOf(point, this.#weights(hidden)) }, [PROBABILITIES]);
      const values = output(PROBABILITIES);
      result.set(values, offset);
      offset += values.length;
    }
    return result;
  }

  /** Weights and bias of the output layer, then of the hidden layer, for features that are not standardised. */
  plainWeights(name: string): TrainTensor[] {
    const { hidden, point } = this.#fitted(name);
    const layers = this.#weights(hidden);
    const values = layers.map(({ from, to }) => point.slice(from, to));
    const [weights, bias] = values.slice(-2);
    if (!weights || !bias) throw new Error('a head without weights');
    // The layer that sees the features is the last.
    const folded = foldedIn(this.#standardisation, weights, bias);
    const plain = [...values.slice(0, -2), folded.weights, folded.bias];
    return layers.map((layer, i) => ({ name: layer.name, dims: layer.dims, values: plain[i] ?? missing(i) }));
  }

  async release(): Promise<void> {
    for (const session of this.#sessions.values()) await session.release();
    this.#sessions.clear();
  }

  #fitted(name: string): { hidden: number; point: Float32Array } {
    const fit = this.#fits.get(name);
    if (!fit) throw new Error(`there is no fit "${name}"`);
    return fit;
  }

  async #session(hasHidden: boolean): Promise<GraphSession> {
    const session =
      this.#sessions.get(hasHidden) ?? (await GraphSession.open(softmaxGraph(hasHidden), 'Training the head'));
    this.#sessions.set(hasHidden, session);
    return session;
  }

  #weights(hidden: number): Weight[] {
    const { size, classes } = this.#data;
    const weights: Weight[] = [];
    const add = (name: string, dims: number[], decays: boolean) => {
      const from = weights.at(-1)?.to ?? 0;
      weights.push({ name, dims, from, to: from + countOf(dims), decays });
    };
    add(OUTPUT_WEIGHTS, [classes, hidden || size], true);
    add(OUTPUT_BIAS, [classes], false);
    if (hidden > 0) {
      add(HIDDEN_WEIGHTS, [hidden, size], true);
      add(HIDDEN_BIAS, [hidden], false);
    }
    return weights;
  }

  /** Copies of the rows, in blocks, with weights that sum to 1 over all of them. */
  #blocks(rows: Int32Array, rowWeights: Float32Array): { feeds: Record<string, GraphValues>; weights: Float32Array }[] {
    const { features, labels, size, classes } = this.#data;
    const total = rowWeights.reduce((sum, weight) => sum + weight, 0) || 1;
    return Array.from({ length: Math.ceil(rows.length / BLOCK_ROWS) }, (_, block) => {
      const own = rows.subarray(block * BLOCK_ROWS, (block + 1) * BLOCK_ROWS);
      const count = own.length;
      const values = new Float32Array(count * size);
      const targets = new Float32Array(count * classes);
      for (const [i, row] of own.entries()) {
        values.set(features.subarray(row * size, (row + 1) * size), i * size);
        targets[i * classes + (labels[row] ?? missing(row))] = 1;
      }
      const weights = rowWeights.slice(block * BLOCK_ROWS, block * BLOCK_ROWS + count).map((weight) => weight / total);
      const feeds = {
        rows: { values, dims: [count, size] },
        targets: { values: targets, dims: [count, classes] },
        row_weights: { values: weights, dims: [count, 1] },
      };
      return { feeds, weights };
    });
  }

  #objective(
    session: GraphSession,
    weights: readonly Weight[],
    l2: number,
    blocks: readonly { feeds: Record<string, GraphValues>; weights: Float32Array }[],
  ): Objective {
    const gradients = weights.map(({ name }) => gradientOf(name));
    return async (point) => {
      let value = 0;
      const gradient = new Float32Array(point.length);
      const given = feedsOf(point, weights);
      for (const block of blocks) {
        const output = await session.run({ ...block.feeds, ...given }, [ROW_LOSS, ...gradients]);
        // In float64: a sum of float32 would hide from the search how little the last steps gain.
        for (const [i, loss] of output(ROW_LOSS).entries()) value += loss * (block.weights[i] ?? missing(i));
        for (const { name, from } of weights) addTo(gradient, output(gradientOf(name)), from);
      }
      for (const { from, to, decays } of weights) {
        for (let i = from; decays && i < to; i++) {
          const weight = point[i] ?? missing(i);
          value += (l2 / 2) * weight * weight;
          gradient[i] = (gradient[i] ?? missing(i)) + l2 * weight;
        }
      }
      return { value, gradient };
    };
  }
}

function feedsOf(point: Float32Array, weights: readonly Weight[]): Record<string, GraphValues> {
  return Object.fromEntries(
    weights.map(({ name, dims, from, to }) => [name, { values: point.subarray(from, to), dims }]),
  );
}

/**
 * Zeros, from where softmax regression finds its one minimum. If there is a hidden layer, its units begin with random weights that
 * keep the size of their input (He et al. 2015, "Delving Deep into Rectifiers", section 2.2).
 */
function firstPoint(weights: readonly Weight[], seed: number): Float32Array {
  const point = new Float32Array(weights.at(-1)?.to ?? 0);
  const hasHidden = weights.some(({ name }) => name === HIDDEN_WEIGHTS);
  const random = createRandom(seed);
  for (const { dims, from, to, decays } of weights) {
    const deviation = Math.sqrt(2 / (dims[1] ?? 1));
    for (let i = from; hasHidden && decays && i < to; i++) point[i] = deviation * random.normal();
  }
  return point;
}

function addTo(sums: Float32Array, values: Float32Array, offset: number): void {
  for (let i = 0; i < values.length; i++)
    sums[offset + i] = (sums[offset + i] ?? missing(i)) + (values[i] ?? missing(i));
}
