import { floatsField, integersField, nodeField, valueField, type WrittenAttribute } from './fields.js';
import { type Encodable, encode } from './wire.js';

type Attributes = Readonly<Record<string, WrittenAttribute>>;

interface WrittenNode {
  operator: string;
  inputs: readonly string[];
  outputs: readonly string[];
  attributes: Attributes;
}

const [IR_VERSION, OPSET] = [9, 19];

/** Writes an ONNX graph of standard operators of opset 19, node by node. It names the tensors between them itself. */
export class GraphWriter {
  readonly #nodes: WrittenNode[] = [];
  readonly #inputs = new Map<string, readonly (number | string)[]>();
  readonly #outputs = new Map<string, string>();
  /** As fields of the graph. */
  readonly #constants = new Map<string, Encodable>();
  readonly #small = new Map<string, string>();

  /** Declares a float32 input. @returns its name */
  input(name: string, dims: readonly (number | string)[]): string {
    this.#inputs.set(name, dims);
    return name;
  }

  /** A float32 constant. @returns the tensor */
  floats(values: Float32Array, dims: readonly number[]): string {
    const name = `constant${this.#constants.size}`;
    this.#constants.set(name, floatsField(name, dims, values));
    return name;
  }

  /** A float32 number. @returns the tensor, without dimensions */
  number(value: number): string {
    return this.#once(`number ${value}`, () => this.floats(Float32Array.of(value), []));
  }

  /** A list of int64. @returns the tensor */
  integers(values: readonly number[]): string {
    return this.#once(`integers ${values}`, () => {
      const name = `constant${this.#constants.size}`;
      this.#constants.set(name, integersField(name, values));
      return name;
    });
  }

  /** Adds a node. @param inputs tensors; '' for one that is left out. @returns its output */
  add(operator: string, inputs: readonly string[], attributes: Attributes = {}): string {
    const output = `${operator}${this.#nodes.length}`;
    this.#nodes.push({ operator, inputs, outputs: [output], attributes });
    return output;
  }

  /** Adds a node with several outputs. @returns these */
  addWithOutputs(operator: string, inputs: readonly string[], attributes: Attributes, count: number): string[] {
    const outputs = Array.from({ length: count }, (_, i) => `${operator}${this.#nodes.length}/${i}`);
    this.#nodes.push({ operator, inputs, outputs, attributes });
    return outputs;
  }

  /** Names a tensor as an output of the graph. */
  output(name: string, tensor: string): void {
    this.#outputs.set(name, tensor);
  }

  /** The ONNX file: the inputs, and what the outputs need of the rest. */
  bytes(): Uint8Array {
    const needed = new Set(this.#outputs.values());
    const nodes = this.#nodes.toReversed().filter(({ inputs, outputs }) => {
      if (!outputs.some((name) => needed.has(name))) return false;
      for (const name of inputs) needed.add(name);
      return true;
    });
    const graph: Encodable[] = [
      ...nodes.reverse().map(({ operator, inputs, outputs, attributes }) => {
        return nodeField(operator, inputs, outputs, attributes);
      }),
      ...[...this.#outputs].map(([name, tensor]) => nodeField('Identity', [tensor], [name])),
      [2, 'graph'],
      ...[...this.#constants].flatMap(([name, field]) => (needed.has(name) ? [field] : [])),
      ...[...this.#inputs].map(([name, dims]) => valueField('input', name, dims)),
      ...[...this.#outputs.keys()].map((name): Encodable => [12, [[1, name]]]),
    ];
    return encode([
      [1, IR_VERSION],
      [2, 'menagerie'],
      [8, [[2, OPSET]]],
      [7, graph],
    ]);
  }

  #once(key: string, make: () => string): string {
    const name = this.#small.get(key) ?? make();
    this.#small.set(key, name);
    return name;
  }
}
