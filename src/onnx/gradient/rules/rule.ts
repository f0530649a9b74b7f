import type { GraphWriter } from '../../file/graph-writer.js';
import type { Attribute } from '../../file/node.js';

/** An input of an operation. */
export interface Operand {
  /** Its name in the graph that is written. */
  tensor: string;
  /** For one picture: the first dimension of a tensor that depends on pictures is the batch, and 1 here. */
  dims: readonly number[];
  /** Whether it does not depend on the picture. A trained weight is constant too. */
  constant: boolean;
  /** Of a constant that is not trained; undefined while the graph is only checked. */
  values: ArrayLike<number> | undefined;
}

/** A node of a tail, to be written with its gradient. */
export interface Operation {
  operator: string;
  attributes: Readonly<Record<string, Attribute>>;
  /** Undefined for one that is left out. */
  inputs: readonly (Operand | undefined)[];
  /** Dimensions of the outputs for one picture. */
  outputs: readonly (readonly number[])[];
}

/** How an operator is computed, and how the gradient of the loss comes back through it. */
export interface Rule {
  /** Why this operation has no gradient here; undefined if it has one. */
  obstacle?(operation: Operation): string | undefined;
  /** Writes the operation. @returns its outputs, then further tensors that `backward` needs */
  forward(graph: GraphWriter, operation: Operation): string[];
  /**
   * Writes the gradient. What no output needs is left out of the file, so a rule writes the gradient of every input.
   * @param outputs what `forward` returned
   * @param gradients those of the loss by the outputs; undefined for an output that the loss does not depend on
   * @returns those of the loss by the inputs; undefined or missing for an input without one
   */
  backward(
    graph: GraphWriter,
    operation: Operation,
    outputs: readonly string[],
    gradients: readonly (string | undefined)[],
  ): (string | undefined)[];
}

/** The input at a position. @throws Error if it is left out */
export function operand({ operator, inputs }: Operation, index: number): Operand {
  return inputs[index] ?? lacking(`${operator} has no input ${index}`);
}

/** Dimensions of an output for one picture. */
export function outputDims({ operator, outputs }: Operation, index = 0): readonly number[] {
  return outputs[index] ?? lacking(`${operator} has no output ${index}`);
}

/** The tensor at a position of what a rule wrote or was given. @throws Error if there is none */
export function tensorAt(tensors: readonly (string | undefined)[], index = 0): string {
  return tensors[index] ?? lacking(`there is no tensor ${index}`);
}

export function numberOf({ attributes }: Operation, name: string, otherwise: number): number {
  const value = attributes[name];
  return typeof value === 'number' ? value : otherwise;
}

/** The integers of an attribute, or of a constant input, where newer versions of an operator have them. */
export function integersOr(operation: Operation, name: string, input: number | undefined): number[] | undefined {
  const value = operation.attributes[name];
  if (Array.isArray(value)) return value;
  const values = input === undefined ? undefined : operation.inputs[input]?.values;
  return values && Array.from(values);
}

/** An axis counted from the front. */
export function axisOf(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** The same dimensions for any number of pictures, as a `Reshape` takes them: 0 keeps the batch. */
export function forBatch(dims: readonly number[]): number[] {
  return [0, ...dims.slice(1)];
}

function lacking(what: string): never {
  throw new Error(what);
}
