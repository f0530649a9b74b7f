import { countOf } from '../core/shape.js';

// Builds networks layer by layer. Every tensor's shape is known at once, which determines the shapes of the weights.

/** A value between layers. All shapes omit the batch dimension, which is "N" in the file. */
export interface Tensor {
  readonly name: string;
  /** [channels, height, width], or [features]. */
  readonly shape: readonly number[];
}

/** A learned parameter of a layer; `mean` and `variance` are statistics collected during training. */
export interface Parameter {
  readonly name: string;
  readonly role: 'weight' | 'bias' | 'scale' | 'shift' | 'mean' | 'variance';
  readonly shape: readonly number[];
  /** The number of inputs that each output value of the layer sums up; 1 if it is not a sum. */
  readonly fanIn: number;
}

/** An ONNX attribute: an integer, integers, or a real number. */
export type GraphAttribute = number | readonly number[] | { readonly float: number };

/** An ONNX node with one output, which has the node's name. */
export interface GraphNode {
  readonly operator: string;
  readonly inputs: readonly Tensor[];
  /** Further inputs, after `inputs`. */
  readonly parameters: readonly Parameter[];
  readonly attributes: Readonly<Record<string, GraphAttribute>>;
  readonly output: Tensor;
}

/** A network without values for its parameters. The nodes are in execution order. */
export interface Graph {
  readonly name: string;
  readonly input: Tensor;
  readonly outputs: readonly Tensor[];
  readonly nodes: readonly GraphNode[];
}

export interface PictureSize {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** A sliding window. */
interface WindowOptions {
  name: string;
  /** Height and width. */
  kernel: number;
  /** 1 by default. */
  stride?: number;
  /** On every side; 'same' is (kernel - 1) / 2, which preserves height and width at stride 1. 0 by default. */
  padding?: number | 'same';
}

export interface ConvOptions extends WindowOptions {
  filters: number;
  /** False if batch normalisation follows. True by default. */
  bias?: boolean;
}

export interface PoolingOptions extends WindowOptions {
  /** Whether the last window may extend beyond the edge, as in Caffe. False by default. */
  ceil?: boolean;
}

/**
 * Counts the parameters: `trained` are weights, biases, and the scales and shifts of batch normalisation; `statistics` are its
 * running means and variances.
 */
export function countParameters(graph: Graph): { trained: number; statistics: number } {
  const count = { trained: 0, statistics: 0 };
  for (const { role, shape } of graph.nodes.flatMap(({ parameters }) => parameters)) {
    count[role === 'mean' || role === 'variance' ? 'statistics' : 'trained'] += countOf(shape);
  }
  return count;
}

/** Starts a network for pictures of this size. */
export function network(name: string, input: PictureSize): BuiltNetwork {
  return new BuiltNetwork(name, input);
}

/** A network under construction. Every method adds one layer and returns its output. */
export class BuiltNetwork implements Graph {
  readonly name: string;
  readonly input: Tensor;
  readonly outputs: Tensor[] = [];
  readonly nodes: GraphNode[] = [];
  readonly #names = new Set<string>(['input']);

  constructor(name: string, { channels, height, width }: PictureSize) {
    this.name = name;
    this.input = { name: 'input', shape: [channels, height, width] };
  }

  /** [c, h, w] -> [filters, h', w']; weight [filters, c, kernel, kernel]. */
  conv(x: Tensor, options: ConvOptions): Tensor {
    const [channels] = planes(x);
    const { name, filters, kernel, bias = true } = options;
    const fanIn = channels * kernel * kernel;
    const parameters: Parameter[] = [
      { name: `${name}.weight`, role: 'weight', shape: [filters, channels, kernel, kernel], fanIn },
    ];
    if (bias) parameters.push({ name: `${name}.bias`, role: 'bias', shape: [filters], fanIn: 1 });
    const { size, attributes } = slideWindow(x, options);
    return this.#add('Conv', name, [x], [filters, ...size], attributes, parameters);
  }

  /** A fully connected layer: [features] -> [units]; weight [units, features]. */
  dense(x: Tensor, { name, units }: { name: string; units: number }): Tensor {
    const [features = 0, ...rest] = x.shape;
    if (rest.length > 0) throw new Error(`${name}: flatten ${x.name} first`);
    const parameters: Parameter[] = [
      { name: `${name}.weight`, role: 'weight', shape: [units, features], fanIn: features },
      { name: `${name}.bias`, role: 'bias', shape: [units], fanIn: 1 },
    ];
    return this.#add('Gemm', name, [x], [units], { transB: 1 }, parameters);
  }

  /** Batch normalisation; per channel a scale, a shift, a running mean and a running variance. */
  batchNorm(x: Tensor, { name }: { name: string }): Tensor {
    const [channels] = planes(x);
    const roles = ['scale', 'shift', 'mean', 'variance'] as const;
    const parameters = roles.map((role) => ({ name: `${name}.${role}`, role, shape: [channels], fanIn: 1 }));
    return this.#add('BatchNormalization', name, [x], x.shape, {}, parameters);
  }

  maxPool(x: Tensor, options: PoolingOptions): Tensor {
    return this.#pool('MaxPool', x, options);
  }

  /** The averages exclude the padding. */
  averagePool(x: Tensor, options: PoolingOptions): Tensor {
    return this.#pool('AveragePool', x, options);
  }

  /** [c, h, w] -> [c, 1, 1]. */
  globalAveragePool(x: Tensor, { name }: { name: string }): Tensor {
    return this.#add('GlobalAveragePool', name, [x], [planes(x)[0], 1, 1]);
  }

  relu(x: Tensor, { name = `${x.name}_relu` } = {}): Tensor {
    return this.#add('Relu', name, [x], x.shape);
  }

  tanh(x: Tensor, { name = `${x.name}_tanh` } = {}): Tensor {
    return this.#add('Tanh', name, [x], x.shape);
  }

  /**
   * Local response normalisation over `size` neighbouring channels: x / (bias + alpha / size * sum of squares) ^ beta.
   * AlexNet's paper has no division by `size`, so its alpha of 1e-4 over 5 channels is 5e-4 here.
   */
  lrn(x: Tensor, options: { name: string; size: number; alpha: number; beta: number; bias: number }): Tensor {
    const { name, size, alpha, beta, bias } = options;
    const attributes = { size, alpha: { float: alpha }, beta: { float: beta }, bias: { float: bias } };
    return this.#add('LRN', name, [x], x.shape, attributes);
  }

  /** Dropout does nothing outside training, so its ratio is not stored. */
  dropout(x: Tensor, { name = `${x.name}_drop` } = {}): Tensor {
    return this.#add('Dropout', name, [x], x.shape);
  }

  /** The sum of two tensors of equal shape. */
  add(x: Tensor, y: Tensor, { name }: { name: string }): Tensor {
    if (x.shape.join() !== y.shape.join()) throw new Error(`${name}: the shapes [${x.shape}] and [${y.shape}] differ`);
    return this.#add('Add', name, [x, y], x.shape);
  }

  /** Concatenates channels: [c1, h, w], [c2, h, w] ... -> [c1 + c2 + ..., h, w]. */
  concat(parts: readonly Tensor[], { name }: { name: string }): Tensor {
    const [first] = parts;
    const sizes = [...new Set(parts.map((part) => planes(part).slice(1).join('x')))];
    if (!first || sizes.length > 1) throw new Error(`${name}: heights or widths differ: ${sizes.join(' and ')}`);
    const channels = parts.reduce((sum, part) => sum + planes(part)[0], 0);
    return this.#add('Concat', name, parts, [channels, ...first.shape.slice(1)], { axis: 1 });
  }

  /** [c, h, w] -> [c * h * w]. */
  flatten(x: Tensor, { name = `${x.name}_flat` } = {}): Tensor {
    return this.#add('Flatten', name, [x], [countOf(x.shape)], { axis: 1 });
  }

  softmax(x: Tensor, { name = 'prob' } = {}): Tensor {
    return this.#add('Softmax', name, [x], x.shape, { axis: 1 });
  }

  /** Declares a tensor as an output of the network. The first is the main output. */
  output(x: Tensor): Tensor {
    this.outputs.push(x);
    return x;
  }

  #pool(operator: 'MaxPool' | 'AveragePool', x: Tensor, options: PoolingOptions): Tensor {
    const { size, attributes } = slideWindow(x, options);
    return this.#add(operator, options.name, [x], [planes(x)[0], ...size], attributes);
  }

  #add(
    operator: string,
    name: string,
    inputs: readonly Tensor[],
    shape: readonly number[],
    attributes: Record<string, GraphAttribute> = {},
    parameters: readonly Parameter[] = [],
  ): Tensor {
    if (this.#names.has(name)) throw new Error(`There are two layers ${name}`);
    this.#names.add(name);
    const output = { name, shape };
    this.nodes.push({ operator, inputs, parameters, attributes, output });
    return output;
  }
}

/** A tensor's [channels, height, width]. */
function planes({ name, shape }: Tensor): [number, number, number] {
  const [channels, height, width] = shape;
  if (channels === undefined || height === undefined || width === undefined)
    throw new Error(`${name} is not a picture: its shape is [${shape}]`);
  return [channels, height, width];
}

/** The output height and width of a sliding window, and its ONNX attributes. */
function slideWindow(
  x: Tensor,
  options: PoolingOptions,
): { size: number[]; attributes: Record<string, GraphAttribute> } {
  const { name, kernel, stride = 1, padding = 0, ceil = false } = options;
  const pad = padding === 'same' ? (kernel - 1) / 2 : padding;
  if (!Number.isInteger(pad)) throw new Error(`${name}: padding 'same' requires an odd kernel`);
  const round = ceil ? Math.ceil : Math.floor;
  const size = planes(x)
    .slice(1)
    .map((length) => round((length + 2 * pad - kernel) / stride) + 1);
  if (size.some((length) => length < 1)) throw new Error(`${name}: the window is larger than ${x.name}`);
  const attributes: Record<string, GraphAttribute> = {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [pad, pad, pad, pad],
  };
  if (ceil) attributes.ceil_mode = 1;
  return { size, attributes };
}
