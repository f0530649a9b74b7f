import { type Box, type Size, sizeOf } from '../../../core/pixels/geometry.js';
import type { Picture } from '../../../core/pixels/picture.js';
import { jpegCosts } from '../costs/jpeg.js';
import type { DecodeOptions, Decoder, OpenedFile } from '../decoder.js';
import { keptPart } from '../kept-part.js';
import { jpegModule, Trap } from './module.js';

/**
 * Decodes clean baseline JPEG by libjpeg-turbo as WebAssembly, on the calling thread: wasm/README.md. Of a picture only the wanted
 * part is kept, but all of the file is looked at. Whatever libjpeg-turbo warns about is left to sharp.
 */
export const jpegDecoder = {
  ...jpegCosts,

  decode({ bytes, header }: OpenedFile, { wanted }: DecodeOptions): Promise<Picture | undefined> {
    if (header === 'unclear') return Promise.resolve(undefined);
    const size = sizeOf(header);
    const part = wanted && keptPart(size, wanted(size));
    const data = decodePart(bytes, size, part ?? { x: 0, y: 0, ...size });
    return Promise.resolve(data && { data, ...size, ...(part && { part }) });
  },
} satisfies Decoder;

/** @returns the pixels of the part; undefined if the file is not clean */
function decodePart(file: Uint8Array, { width, height }: Size, part: Box): Uint8Array<ArrayBuffer> | undefined {
  const { memory, room, open, next } = jpegModule();
  const rowBytes = part.width * 3;
  // Not zeroed: every byte is written, or nothing is returned.
  const pixels = new Uint8Array(Buffer.allocUnsafeSlow(rowBytes * part.height).buffer);
  try {
    const input = room(file.length);
    new Uint8Array(memory.buffer).set(file, input);
    const at = open(file.length, width, height, part.x, part.y, part.x + part.width, part.y + part.height);
    if (at === 0) return undefined;
    const heap = new Uint8Array(memory.buffer);
    let written = 0;
    for (let rows = next(); rows > 0; rows = next()) {
      pixels.set(heap.subarray(at, at + rows * rowBytes), written);
      written += rows * rowBytes;
    }
    return written === pixels.length ? pixels : undefined;
  } catch (error) {
    // A trap: a file that is not clean, or too much memory. The next picture begins anew.
    if (error instanceof Trap) return undefined;
    throw error;
  }
}
