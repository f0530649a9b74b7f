import { at } from '../../../core/at.js';
import { numberOf, type Operation, operand, outputDims } from './rule.js';

/** A window that slides over a picture; every list is height, width. */
export interface SlidingWindow {
  kernel: readonly number[];
  strides: readonly number[];
  dilations: readonly number[];
  /** Zeros before and after the picture. */
  begins: readonly number[];
  ends: readonly number[];
  input: readonly number[];
  output: readonly number[];
}

/** The window of a convolution or pooling; `auto_pad` as ONNX's Conv defines it. */
export function windowOf(operation: Operation): SlidingWindow {
  const input = operand(operation, 0).dims.slice(2);
  const output = outputDims(operation).slice(2);
  const list = (name: string) => {
    const value = operation.attributes[name];
    return Array.isArray(value) ? value : undefined;
  };
  const kernel = list('kernel_shape') ?? operand(operation, 1).dims.slice(2);
  const strides = list('strides') ?? input.map(() => 1);
  const dilations = list('dilations') ?? input.map(() => 1);
  const rule = operation.attributes.auto_pad;
  const window = { kernel, strides, dilations, input, output };
  if (rule !== 'SAME_UPPER' && rule !== 'SAME_LOWER') {
    const pads = (rule === 'VALID' ? undefined : list('pads')) ?? [...input, ...input].fill(0);
    return { ...window, begins: pads.slice(0, input.length), ends: pads.slice(input.length) };
  }
  const totals = input.map((size, d) => Math.max(0, spanOf(window, d) - size));
  const smaller = totals.map((total) => total >> 1);
  const larger = totals.map((total, d) => total - at(smaller, d));
  return rule === 'SAME_UPPER'
    ? { ...window, begins: smaller, ends: larger }
    : { ...window, begins: larger, ends: smaller };
}

/** The length from the first value that any position of the window reads to the last, along a dimension. */
function spanOf({ output, strides, kernel, dilations }: Omit<SlidingWindow, 'begins' | 'ends'>, d: number): number {
  return (at(output, d) - 1) * at(strides, d) + reachOf({ kernel, dilations }, d) + 1;
}

/** The distance between the first and the last value of the window, along a dimension. */
export function reachOf({ kernel, dilations }: Pick<SlidingWindow, 'kernel' | 'dilations'>, d: number): number {
  return (at(kernel, d) - 1) * at(dilations, d);
}

/** Attributes of the ConvTranspose that takes gradients of a window's outputs back to its inputs. */
export function transposedWindow(window: SlidingWindow): Record<string, readonly number[]> {
  // Where the last position of the window ends before the picture does, output_padding adds what no window reads.
  const after = window.input.map((size, d) => spanOf(window, d) - at(window.begins, d) - size);
  return {
    kernel_shape: window.kernel,
    strides: window.strides,
    dilations: window.dilations,
    pads: [...window.begins, ...after.map((zeros) => Math.max(0, zeros))],
    output_padding: after.map((zeros) => Math.max(0, -zeros)),
  };
}

/** Whether an operation works on pictures: batch, channels, height, width. */
export function isPlanar(operation: Operation): boolean {
  return operand(operation, 0).dims.length === 4 && numberOf(operation, 'storage_order', 0) === 0;
}
