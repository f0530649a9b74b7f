/**
 * The memory for a worker's input tensors, reused for every run. Its values are reused too if the next run needs the same, as members
 * of an ensemble with equal preprocessing do one after another.
 */
export class InputTensor {
  #memory = new Float32Array();
  /** Key of the values in the memory. */
  #key: string | undefined;

  /**
   * The values of an input tensor.
   * @param key stands for the pixels and their normalisation: equal keys mean equal values
   * @param length number of values
   * @param fill writes all values
   * @returns the values, valid until the next call
   */
  values(key: string, length: number, fill: (values: Float32Array) => void): Float32Array {
    if (this.#memory.length < length) this.#memory = new Float32Array(length);
    const values = this.#memory.subarray(0, length);
    if (key !== this.#key) {
      this.#key = undefined;
      fill(values);
      this.#key = key;
    }
    return values;
  }
}
