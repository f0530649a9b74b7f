import { countOf } from '../../core/shape.js';
import type { TailCut } from '../../onnx/gradient/tail.js';
import { type TailGraph, tailGraph } from '../../onnx/gradient/tail-graph.js';
import { tailProbe } from '../../onnx/gradient/tail-probe.js';
import { GraphSession, type GraphValues } from '../../runtime/networks/graph-session.js';
import type { TrainTensor } from '../protocol/steps.js';
import { Adam } from './adam.js';

/** What the training graph calls the weights of the new head. */
const HEAD_WEIGHTS: readonly string[] = ['head.weight', 'head.bias'];
const WHAT = 'Training the last layers';

/** The tail of a network with a new head, while it is trained. */
export class TailFitter {
  readonly #session: GraphSession;
  readonly #graph: TailGraph;
  readonly #classes: number;
  /** Those of now. */
  readonly #weights: TrainTensor[];
  readonly #adam: Adam;
  /** Those of the best epoch. */
  #kept: TrainTensor[];

  private constructor(session: GraphSession, graph: TailGraph, classes: number, weights: TrainTensor[]) {
    this.#session = session;
    this.#graph = graph;
    this.#classes = classes;
    this.#weights = weights;
    this.#adam = new Adam(weights.map(({ values }) => values.length));
    this.#kept = weights.map(copied);
  }

  /**
   * @param file the network's ONNX file
   * @param head weights (classes x size) and bias that the new head begins with
   * @throws MenagerieError what `tailGraph` and GraphSession throw
   */
  static async open(
    file: Uint8Array,
    cut: TailCut,
    classes: number,
    head: readonly [weights: Float32Array, bias: Float32Array],
  ): Promise<TailFitter> {
    const probe = tailProbe(file, cut);
    const probing = await GraphSession.open(probe.bytes, WHAT);
    const zeros = { values: new Float32Array(countOf(probe.dims)), dims: probe.dims };
    const observed = await probing.observe({ [probe.input]: zeros }, probe.outputs);
    await probing.release();
    const graph = tailGraph(file, cut, classes, observed);
    const weights = graph.weights.map(({ name, dims, values }) => {
      const first = head[HEAD_WEIGHTS.indexOf(name)] ?? values;
      if (first.length !== values.length) throw new Error(`${name} has ${values.length} values, not ${first.length}`);
      return { name, dims, values: first.slice() };
    });
    return new TailFitter(await GraphSession.open(graph.bytes, WHAT), graph, classes, weights);
  }

  /**
   * One step of Adam on a batch.
   * @param activations N x dims of the cut
   * @param targets N x classes
   */
  async step(
    activations: Float32Array,
    targets: Float32Array,
    learningRate: number,
  ): Promise<{ loss: number; norm: number }> {
    const names = this.#weights.map(({ name }) => `gradient/${name}`);
    const output = await this.#session.run(this.#feeds(activations, targets), ['loss', ...names]);
    const [loss = Number.NaN] = output('loss');
    const gradients = names.map((name) => output(name));
    const norm = this.#adam.step(
      this.#weights.map(({ values }) => values),
      gradients,
      learningRate,
    );
    return { loss, norm };
  }

  /** The logits for activations: N x classes. */
  async logits(activations: Float32Array): Promise<Float32Array> {
    const { dims } = this.#graph.activations;
    const targets = new Float32Array((activations.length / countOf(dims)) * this.#classes);
    const output = await this.#session.run(this.#feeds(activations, targets), ['logits']);
    return output('logits');
  }

  /** The features that the kept weights make of activations: N x size. */
  async features(activations: Float32Array): Promise<Float32Array> {
    const { dims } = this.#graph.activations;
    const targets = new Float32Array((activations.length / countOf(dims)) * this.#classes);
    const output = await this.#session.run(this.#feeds(activations, targets, this.#kept), ['features']);
    return output('features');
  }

  /** Keeps the weights of now as the best. */
  keep(): void {
    this.#kept = this.#weights.map(copied);
  }

  /** The weights that were kept last, by the names of the training graph; at first those it began with. */
  get kept(): TrainTensor[] {
    return this.#kept;
  }

  release(): Promise<void> {
    return this.#session.release();
  }

  #feeds(activations: Float32Array, targets: Float32Array, weights = this.#weights): Record<string, GraphValues> {
    const { name, dims } = this.#graph.activations;
    const rows = targets.length / this.#classes;
    return {
      [name]: { values: activations, dims: [rows, ...dims] },
      targets: { values: targets, dims: [rows, this.#classes] },
      ...Object.fromEntries(weights.map((weight) => [weight.name, weight])),
    };
  }
}

function copied({ values, ...rest }: TrainTensor): TrainTensor {
  return { ...rest, values: values.slice() };
}
