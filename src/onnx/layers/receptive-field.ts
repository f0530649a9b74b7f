import { at } from '../../core/at.js';
import type { Node } from '../file/node.js';

/** The part of the input on which one position of a tensor depends, in pixels per spatial dimension. */
export interface ReceptiveField {
  size: number[];
  /** Distance in the input between the fields of neighbouring positions. */
  stride: number[];
}

/** What determines the receptive field of a node's output. */
export interface SpatialContext {
  input: ReceptiveField;
  /** Spatial dimensions of the first input and the output; empty if there are none. */
  inputSize: readonly number[];
  outputSize: readonly number[];
  /** Spatial dimensions of the kernel; undefined for operators without one. */
  kernel: readonly number[] | undefined;
}

/**
 * The receptive field after a node (Araujo, Norris, Sim: Computing Receptive Fields of Convolutional Neural Networks,
 * Distill 2019): `size += (kernel - 1) * dilation * stride; stride *= step`. After the spatial dimensions end, a value depends on
 * the fields of all positions together.
 */
export function receptiveFieldAfter(
  node: Node,
  { input, inputSize, outputSize, kernel }: SpatialContext,
): ReceptiveField {
  const global = node.operator.startsWith('Global') || (inputSize.length > 0 && outputSize.length === 0);
  const window = global ? inputSize : kernel;
  if (!window) return input;
  const dilations = listOf(node.attributes.dilations);
  const steps = listOf(node.attributes.strides);
  return {
    size: input.size.map((size, d) => {
      const extent = global ? (window[d] ?? 1) - 1 : ((window[d] ?? 1) - 1) * (dilations[d] ?? 1);
      return size + extent * at(input.stride, d);
    }),
    stride: input.stride.map((stride, d) => stride * (global ? (window[d] ?? 1) : (steps[d] ?? 1))),
  };
}

/** The smallest field that covers those of several inputs. */
export function joinFields(fields: readonly ReceptiveField[]): ReceptiveField | undefined {
  const [first, ...others] = fields;
  if (!first) return undefined;
  return others.reduce(
    (joined, { size, stride }) => ({
      size: joined.size.map((value, d) => Math.max(value, size[d] ?? 0)),
      stride: joined.stride.map((value, d) => Math.max(value, stride[d] ?? 0)),
    }),
    first,
  );
}

function listOf(value: unknown): number[] {
  return Array.isArray(value) ? value : [];
}
