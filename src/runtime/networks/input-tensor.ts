import { PIXEL_TYPES, type PixelType, type PixelValues } from '../../core/pixels/pixel-type.js';

/**
 * The memory for a worker's input tensors, reused for every run. Its values are reused too if the next run needs the same, as members
 * of an ensemble with equal preprocessing do one after another.
 */
export class InputTensor {
  #memory = new ArrayBuffer(0);
  /** Key of the values in the memory. */
  #key: string | undefined;

  /**
   * The values of an input tensor.
   * @param key stands for the pixels, their normalisation and type: equal keys mean equal values
   * @param type of the values
   * @param length number of values
   * @param fill writes all values
   * @returns the values, valid until the next call
   */
  values(key: string, type: PixelType, length: number, fill: (values: PixelValues) => void): PixelValues {
    const { array } = PIXEL_TYPES[type];
    const bytes = length * array.BYTES_PER_ELEMENT;
    if (this.#memory.byteLength < bytes) this.#memory = new ArrayBuffer(bytes);
    const values = new array(this.#memory, 0, length);
    if (key !== this.#key) {
      this.#key = undefined;
      fill(values);
      this.#key = key;
    }
    return values;
  }
}
