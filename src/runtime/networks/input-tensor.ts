/**
 * The memory of a worker's input tensors, used again for every run. What it holds is used again too where the next run wants the
 * same: the members of an ensemble that prepare pictures alike come one after another.
 */
export class InputTensor {
  #memory = new Float32Array();
  /** What the memory holds. */
  #key: string | undefined;

  /**
   * @param key says of which pixels, and how they are normalised
   * @param fill writes all values
   * @returns so many values, until the next call
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
