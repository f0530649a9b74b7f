// The part of ArrayBuffer that is used. Node 20 lacks `transfer`, and its types do too.
interface Memory {
  readonly byteLength: number;
  transfer?(length: number): ArrayBuffer;
}

/**
 * Frees the memory of decoded pixels at once, if the engine can and `data` is all of its buffer; `data` is empty afterwards.
 * Large photographs would otherwise wait for the garbage collector, and every few of them would cause a full collection.
 */
export function release({ buffer, byteLength }: Uint8Array<ArrayBuffer>): void {
  const memory: Memory = buffer;
  if (byteLength > 0 && memory.byteLength === byteLength) memory.transfer?.(0);
}
