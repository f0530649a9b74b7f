import type { Size } from '../core/geometry.js';

/**
 * The stored size of a three-channel JPEG from its frame header (ITU-T T.81, B.2.2): microseconds, where opening the
 * picture for its header takes libvips a third of a millisecond.
 * @returns undefined for any other JPEG, and where anything but segments comes before the frame header
 */
export function colourJpegSize(bytes: Uint8Array): Size | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // A segment is FF, its marker, and two bytes with its length from there. A frame header goes on with a byte of
  // precision, two each of height and width, and the number of channels.
  for (let at = 2; at + 10 <= bytes.length && bytes[at] === 0xff; at += 2 + view.getUint16(at + 2)) {
    const marker = view.getUint8(at + 1);
    if (marker < 0xc0 || marker === 0xda) return undefined;
    const isFrameHeader = marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrameHeader) {
      const size = { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
      return view.getUint8(at + 9) === 3 && size.height > 0 ? size : undefined;
    }
  }
  return undefined;
}
