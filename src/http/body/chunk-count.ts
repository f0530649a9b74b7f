/** Number of chunks that may have any size. */
const FREE_CHUNKS = 16_384;
/** Bytes that each further chunk must have on average. */
export const LEAST_BYTES = 64;

/** Counts the chunks of a body, because parsing a great many tiny chunks would delay all other requests. */
export class ChunkCount {
  #chunks = 0;
  #bytes = 0;

  /** Counts a chunk. @returns whether there are too many chunks for their bytes */
  add({ length }: Uint8Array): boolean {
    this.#chunks++;
    this.#bytes += length;
    return this.#chunks > FREE_CHUNKS + this.#bytes / LEAST_BYTES;
  }
}
