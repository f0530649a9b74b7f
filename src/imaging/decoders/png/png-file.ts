import { crc32 } from 'node:zlib';

/** Colour types (PNG, third edition, 11.2.1). */
export const COLOUR = { grey: 0, rgb: 2, palette: 3, greyAlpha: 4, rgba: 6 } as const;

/** What a PNG is made of. */
export interface PngFile {
  width: number;
  height: number;
  /** Bits per sample. */
  depth: number;
  /** One of COLOUR. */
  colour: number;
  /** Red, green and blue of each colour of a palette. */
  palette: Buffer;
  /** Alpha of the first colours of a palette; without palette, the samples of the one transparent colour, two bytes each. */
  transparency: Buffer;
  /** A zlib stream. */
  pixels: Buffer;
}

const SIGNATURE_BYTES = 8;
/** Length, name and checksum of a chunk. */
const FRAME_BYTES = 12;
const HEADER_BYTES = 13;
/** The chunks that may follow each. */
const NEXT: Record<string, readonly string[]> = {
  IHDR: ['PLTE', 'tRNS', 'IDAT'],
  PLTE: ['tRNS', 'IDAT'],
  tRNS: ['IDAT'],
  IDAT: ['IDAT', 'IEND'],
  IEND: [],
};
const NOTHING = Buffer.alloc(0);

/**
 * Takes apart a PNG in which nothing is unusual: its chunks are whole, in order and end with the file, their checksums are right, and
 * it is not interlaced (PNG, third edition, 5.3 to 5.6 and 11.2).
 * @param bytes begins with the signature of a PNG
 * @returns undefined for any other file
 */
export function readPng(bytes: Uint8Array): PngFile | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const chunks: Record<string, Buffer> = {};
  const pixels: Buffer[] = [];
  let at = SIGNATURE_BYTES;
  for (let next: readonly string[] = ['IHDR']; next.length > 0; ) {
    if (at + FRAME_BYTES > file.length) return undefined;
    const [name, end] = [file.toString('latin1', at + 4, at + 8), at + FRAME_BYTES + file.readUInt32BE(at)];
    if (!next.includes(name) || end > file.length) return undefined;
    if (crc32(file.subarray(at + 4, end - 4)) !== file.readUInt32BE(end - 4)) return undefined;
    const data = file.subarray(at + 8, end - 4);
    if (name === 'IDAT') pixels.push(data);
    else chunks[name] = data;
    next = NEXT[name] ?? [];
    at = end;
  }
  const { IHDR: header = NOTHING, PLTE: palette = NOTHING, tRNS: transparency = NOTHING, IEND: last } = chunks;
  if (at !== file.length || last?.length !== 0 || header.length !== HEADER_BYTES) return undefined;
  // The compression, the set of filters, and whether the picture is interlaced.
  if (header.readUIntBE(10, 3) !== 0) return undefined;
  const [first = NOTHING] = pixels;
  const kind = { depth: header.readUInt8(8), colour: header.readUInt8(9), palette, transparency };
  if (!isPlain(kind)) return undefined;
  return {
    ...kind,
    width: header.readUInt32BE(0),
    height: header.readUInt32BE(4),
    pixels: pixels.length === 1 ? first : Buffer.concat(pixels),
  };
}

/** Whether the samples are of at most 8 bits, and palette and transparency of the length they must have. */
function isPlain({
  depth,
  colour,
  palette,
  transparency,
}: Pick<PngFile, 'depth' | 'colour' | 'palette' | 'transparency'>): boolean {
  const colours = palette.length / 3;
  if (colour === COLOUR.palette) {
    const fits = Number.isInteger(colours) && colours > 0 && colours <= 2 ** depth;
    return fits && [1, 2, 4, 8].includes(depth) && transparency.length <= colours;
  }
  if (colours > 0) return false;
  if (colour === COLOUR.grey) return [1, 2, 4, 8].includes(depth) && [0, 2].includes(transparency.length);
  if (colour === COLOUR.rgb) return depth === 8 && [0, 6].includes(transparency.length);
  return (colour === COLOUR.greyAlpha || colour === COLOUR.rgba) && depth === 8 && transparency.length === 0;
}
