import { crc32, deflateSync } from 'node:zlib';

// Files made by hand, for what no encoder writes.

const u16 = (value: number) => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
};
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const join = (...parts: (Uint8Array | string)[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));

const PNG_SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

export function pngChunk(name: string, data: Uint8Array | string = ''): Buffer {
  const body = join(name, data);
  return join(u32(body.length - 4), body, u32(crc32(body)));
}

/** A PNG of grey pixels, all black, and chunks before them. */
export function png(size: { width: number; height: number }, ...before: Uint8Array[]): Buffer {
  const header = join(u32(size.width), u32(size.height), Buffer.from([8, 0, 0, 0, 0]));
  const pixels = deflateSync(Buffer.alloc((size.width + 1) * size.height));
  return join(PNG_SIGNATURE, pngChunk('IHDR', header), ...before, pngChunk('IDAT', pixels), pngChunk('IEND'));
}

/** Chunks put into a PNG behind its IHDR. */
export function intoPng(file: Uint8Array, ...chunks: Uint8Array[]): Buffer {
  return join(file.subarray(0, 33), ...chunks, file.subarray(33));
}

export function jpegSegment(marker: number, data: Uint8Array | string): Buffer {
  const bytes = join(data);
  return join(Buffer.from([0xff, marker]), u16(bytes.length + 2), bytes);
}

/** Segments put into a JPEG behind its SOI. */
export function intoJpeg(file: Uint8Array, ...segments: Uint8Array[]): Buffer {
  return join(file.subarray(0, 2), ...segments, file.subarray(2));
}

/** A chunk of a WebP. */
export function riffChunk(name: string, data: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(data.length);
  return join(name, length, data, Buffer.alloc(data.length & 1));
}

/** A WebP in the extended format, made of one that need not be, with chunks before and behind its picture. */
export function extendedWebp(
  file: Uint8Array,
  size: { width: number; height: number },
  flags: number,
  before: Uint8Array[],
  behind: Uint8Array[],
): Buffer {
  const header = Buffer.alloc(10);
  header.writeUInt8(flags);
  header.writeUIntLE(size.width - 1, 4, 3);
  header.writeUIntLE(size.height - 1, 7, 3);
  const body = join('WEBP', riffChunk('VP8X', header), ...before, file.subarray(12), ...behind);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.length);
  return join('RIFF', length, body);
}

export interface HeifItem {
  id: number;
  type: string;
  data: Uint8Array;
  size?: { width: number; height: number };
  /** What follows the type in its `infe` box. */
  about?: string;
  /** How often its data is said to come. */
  repeated?: number;
}
export interface HeifReference {
  type: 'dimg' | 'auxl' | 'cdsc';
  from: number;
  to: number[];
}

export const box = (name: string, ...parts: (Uint8Array | string)[]): Buffer => {
  const data = join(...parts);
  return join(u32(data.length + 8), name, data);
};
const fullBox = (name: string, version: number, ...parts: (Uint8Array | string)[]) =>
  box(name, Buffer.from([version, 0, 0, 0]), ...parts);

/** An AVIF of any items; the first one is the picture. `shared` are properties that all with a size have. */
export function avif(items: HeifItem[], references: HeifReference[], shared: Uint8Array[]): Buffer {
  const properties: Uint8Array[] = [...shared];
  const associations = items.flatMap(({ id, size }) => {
    if (!size) return [];
    properties.push(fullBox('ispe', 0, u32(size.width), u32(size.height)));
    const own = [properties.length, ...shared.map((_, i) => i + 1)];
    return [join(u16(id), Buffer.from([own.length, ...own]))];
  });
  const head = (dataAt: number) => {
    let at = dataAt;
    const locations = items.map(({ id, data, repeated = 1 }) => {
      const extent = join(u32(at), u32(data.length));
      at += data.length;
      return join(u16(id), u16(0), u16(repeated), ...Array<Buffer>(repeated).fill(extent));
    });
    const kinds = items.map(({ id, type, about = '' }) => fullBox('infe', 2, u16(id), u16(0), type, `\0${about}`));
    const lists = references.map(({ type, from, to }) => box(type, u16(from), u16(to.length), ...to.map(u16)));
    const meta = fullBox(
      'meta',
      0,
      fullBox('hdlr', 0, u32(0), 'pict', Buffer.alloc(13)),
      fullBox('pitm', 0, u16(items[0]?.id ?? 0)),
      fullBox('iloc', 0, Buffer.from([0x44, 0]), u16(items.length), ...locations),
      fullBox('iinf', 0, u16(items.length), ...kinds),
      lists.length > 0 ? fullBox('iref', 0, ...lists) : '',
      box('iprp', box('ipco', ...properties), fullBox('ipma', 0, u32(associations.length), ...associations)),
    );
    return join(box('ftyp', 'avif', u32(0), 'avifmif1miaf'), meta);
  };
  const start = head(0).length + 8;
  return join(head(start), box('mdat', ...items.map(({ data }) => data)));
}

/** The AV1 of an AVIF of one picture, and its properties without its size. */
export function partsOfAvif(file: Uint8Array): { data: Buffer; shared: Buffer[] } {
  const bytes = Buffer.from(file);
  const list = bytes.indexOf('ipco') - 4;
  const shared: Buffer[] = [];
  for (let at = list + 8; at < list + bytes.readUInt32BE(list); at += bytes.readUInt32BE(at)) {
    const property = bytes.subarray(at, at + bytes.readUInt32BE(at));
    if (property.toString('latin1', 4, 8) !== 'ispe') shared.push(property);
  }
  return { data: bytes.subarray(bytes.indexOf('mdat') + 4), shared };
}

/** What a grid of tiles of one size is made of. */
export function gridData(rows: number, columns: number, width: number, height: number): Buffer {
  return join(Buffer.from([0, 1, rows - 1, columns - 1]), u32(width), u32(height));
}

/** A TIFF directory of LONGs, and where the next one lies. */
export function tiffDirectory(entries: [number, number][], next: number): Buffer {
  const directory = Buffer.alloc(6 + 12 * entries.length);
  directory.writeUInt16LE(entries.length);
  for (const [i, [tag, value]] of entries.entries()) {
    directory.writeUInt16LE(tag, 2 + 12 * i);
    directory.writeUInt16LE(4, 4 + 12 * i);
    directory.writeUInt32LE(1, 6 + 12 * i);
    directory.writeUInt32LE(value, 10 + 12 * i);
  }
  directory.writeUInt32LE(next, directory.length - 4);
  return directory;
}
