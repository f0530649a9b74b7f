import { deflateSync } from 'node:zlib';
import { pngChunk } from './picture-files.js';

/** A PNG, by what stands in its chunks. */
export interface PngParts {
  width: number;
  height: number;
  depth: 1 | 2 | 4 | 8 | 16;
  colour: 0 | 2 | 3 | 4 | 6;
  interlaced?: boolean;
  /** Of each sample, from the top left, channel by channel. */
  samples: (x: number, y: number, channel: number) => number;
  /** Of each row, in the order of the file. */
  filter: (row: number) => number;
  palette?: Uint8Array | undefined;
  transparency?: Uint8Array | undefined;
  /** Bytes of the compressed pixels in a chunk; by default all. */
  chunkBytes?: number;
  level?: number;
  windowBits?: number;
  /** Put between the palette and the pixels, and behind them. */
  others?: Uint8Array[];
}

const CHANNELS = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
/** Where the passes of an interlaced picture begin, and their steps (PNG, third edition, 8.2). */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** Writes a PNG, straight from the specification. */
export function pngOf(parts: PngParts): Buffer {
  const { width, height, depth, colour, interlaced = false, palette, transparency, others = [] } = parts;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colour, 0, 0, interlaced ? 1 : 0], 8);
  const { level = 6, windowBits = 15 } = parts;
  const pixels = deflateSync(filteredRows(parts), { level, windowBits });
  const { chunkBytes = pixels.length } = parts;
  const idat: Buffer[] = [];
  for (let at = 0; at < pixels.length; at += chunkBytes) {
    idat.push(pngChunk('IDAT', pixels.subarray(at, at + chunkBytes)));
  }
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    ...(palette ? [pngChunk('PLTE', palette)] : []),
    ...(transparency ? [pngChunk('tRNS', transparency)] : []),
    ...others,
    ...idat,
    ...others,
    pngChunk('IEND'),
  ]);
}

/** All rows, each filtered and behind the number of its filter. */
function filteredRows({ width, height, depth, colour, interlaced, samples, filter }: PngParts): Buffer {
  const channels = CHANNELS[colour];
  const pixelBytes = Math.max(1, (depth * channels) / 8);
  const rows: Buffer[] = [];
  let count = 0;
  for (const [left, top, stepX, stepY] of interlaced ? PASSES : [[0, 0, 1, 1] as const]) {
    let above: Buffer | undefined;
    for (let y = top; y < height && left < width; y += stepY) {
      const bits: string[] = [];
      for (let x = left; x < width; x += stepX) {
        for (let c = 0; c < channels; c++) bits.push(samples(x, y, c).toString(2).padStart(depth, '0'));
      }
      const row = Buffer.from(
        (bits.join('').match(/.{1,8}/g) ?? []).map((byte) => Number.parseInt(byte.padEnd(8, '0'), 2)),
      );
      const kind = filter(count++);
      const filtered = row.map((value, i) => value - predicted(kind, row, above, i, pixelBytes));
      rows.push(Buffer.from([kind]), Buffer.from(filtered));
      above = row;
    }
  }
  return Buffer.concat(rows);
}

/** What a filter takes a byte to be (PNG, third edition, 9.2). */
function predicted(filter: number, row: Buffer, above: Buffer | undefined, i: number, pixelBytes: number): number {
  const [a, b, c] = [row[i - pixelBytes] ?? 0, above?.[i] ?? 0, above?.[i - pixelBytes] ?? 0];
  if (filter === 1) return a;
  if (filter === 2) return b;
  if (filter === 3) return Math.floor((a + b) / 2);
  if (filter !== 4) return 0;
  const p = a + b - c;
  const nearest = [a, b, c].map((value) => Math.abs(p - value));
  return [a, b, c][nearest.indexOf(Math.min(...nearest))] as number;
}
