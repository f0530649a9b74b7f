import { toFloat16 } from './float16.js';

/** The number formats in which networks take normalised pixels, by ONNX Runtime's names: their arrays, and a value as in the array. */
export const PIXEL_TYPES = {
  float32: { array: Float32Array, encode: (value: number) => value },
  float16: { array: Uint16Array, encode: (value: number) => toFloat16(value) },
  float64: { array: Float64Array, encode: (value: number) => value },
  uint8: { array: Uint8Array, encode: (value: number) => value },
} as const;

export type PixelType = keyof typeof PIXEL_TYPES;

/** Values of an input tensor. */
export type PixelValues =
  | Float32Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>;

/** Whether networks can be fed tensors of this type with pixels. */
export function isPixelType(type: string): type is PixelType {
  return Object.hasOwn(PIXEL_TYPES, type);
}
