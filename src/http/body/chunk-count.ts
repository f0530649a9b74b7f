/** Chunks of any size that a body may come in. */
const FREE = 16_384;
/** Bytes that each one more must bring on average. */
export const LEAST_BYTES = 64;

/** Counts the chunks of a body: taking very many very small ones apart would hold up everyone else. */
export class ChunkCount {
  #chunks = 0;
  #bytes = 0;

  /** Counts one. @returns whether there are too many for the bytes that they bring */
  add({ length }: Uint8Array): boolean {
    this.#chunks++;
    this.#bytes += length;
    return this.#chunks > FREE + this.#bytes / LEAST_BYTES;
  }
}
