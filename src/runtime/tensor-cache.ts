/**
 * Keeps the last input tensor of a lane: the members of an ensemble that prepare pictures alike come one after another, and
 * share it.
 */
export class TensorCache {
  #key: string | undefined;
  #tensor = new Float32Array();

  /** @param key says of which pixels, and how they are normalised */
  get(key: string, make: () => Float32Array<ArrayBuffer>): Float32Array {
    if (key === this.#key) return this.#tensor;
    this.#tensor = make();
    this.#key = key;
    return this.#tensor;
  }
}
