// What is used of the standard object; Node 20 lacks it, and its types do.
interface Transferable {
  transfer?(length: number): ArrayBuffer;
}

/**
 * Gives the memory of decoded pixels back at once, where the engine can: `data` is empty afterwards, where it has its memory
 * to itself. Left to the garbage collector, large photographs wait for it, and every few of them have it go through everything.
 */
export function release({ buffer, byteLength }: Uint8Array<ArrayBuffer>): void {
  if (buffer.byteLength === byteLength) (buffer as ArrayBuffer & Transferable).transfer?.(0);
}
