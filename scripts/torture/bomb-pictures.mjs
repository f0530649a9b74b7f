import { crc32, deflateSync } from 'node:zlib';
import { fixture } from './pictures.mjs';

// Small files that claim to be, or are, very large pictures.

/** @param {string} type @param {Uint8Array} data */
function pngChunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

/** A PNG of one bit a pixel. @param {number} width @param {number} height @param {Uint8Array} pixels compressed */
function png(width, height, pixels) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 1;
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const end = pngChunk('IEND', Buffer.alloc(0));
  return Buffer.concat([signature, pngChunk('IHDR', header), pngChunk('IDAT', pixels), end]);
}

/** A true and whole PNG, black all over: some kilobytes that become three bytes a pixel. @param {number} width @param {number} height */
export const blackPng = (width, height) =>
  png(width, height, deflateSync(Buffer.alloc(height * (1 + Math.ceil(width / 8))), { level: 9 }));

/** @param {number} side at most 65535 */
function gif(side) {
  const screen = Buffer.from('GIF89a\0\0\0\0\x80\0\0\0\0\0\xff\xff\xff', 'latin1');
  const frame = Buffer.from(',\0\0\0\0\0\0\0\0\0\x02\x02\x4c\x01\0;', 'latin1');
  for (const at of [6, 8]) screen.writeUInt16LE(side, at);
  for (const at of [5, 7]) frame.writeUInt16LE(side, at);
  return Buffer.concat([screen, frame]);
}

/** A JPEG whose frame header lies. @param {number} side at most 65535 */
function jpeg(side) {
  const bytes = fixture('rgb.jpg');
  const frame = bytes.indexOf(Buffer.from([0xff, 0xc0]));
  bytes.writeUInt16BE(side, frame + 5);
  bytes.writeUInt16BE(side, frame + 7);
  return bytes;
}

/** A lossy WebP whose frame header lies. @param {number} side at most 16383 */
function webp(side) {
  const bytes = fixture('lossy.webp');
  const start = bytes.indexOf(Buffer.from([0x9d, 0x01, 0x2a]));
  bytes.writeUInt16LE(side, start + 3);
  bytes.writeUInt16LE(side, start + 5);
  return bytes;
}

/** A lossless WebP whose header lies. @param {number} side at most 16383 */
function losslessWebp(side) {
  const bytes = fixture('lossless.webp');
  const at = bytes.indexOf('VP8L') + 9;
  const alpha = bytes.readUInt32LE(at) & 0xf0000000;
  bytes.writeUInt32LE((alpha | (((side - 1) << 14) | (side - 1))) >>> 0, at);
  return bytes;
}

/** A TIFF whose directory lies. @param {number} side */
function tiff(side) {
  const bytes = fixture('rgb.tiff');
  const directory = bytes.readUInt32LE(4);
  for (let i = 0; i < bytes.readUInt16LE(directory); i++) {
    const entry = directory + 2 + 12 * i;
    // ImageWidth and ImageLength, as 32-bit numbers.
    if (![256, 257].includes(bytes.readUInt16LE(entry))) continue;
    bytes.writeUInt16LE(4, entry + 2);
    bytes.writeUInt32LE(side, entry + 8);
  }
  return bytes;
}

/** An AVIF whose size property lies. @param {number} side */
function avif(side) {
  const bytes = fixture('picture.avif');
  const at = bytes.indexOf('ispe') + 8;
  bytes.writeUInt32BE(side, at);
  bytes.writeUInt32BE(side, at + 4);
  return bytes;
}

/** Files that are no larger than a photograph's thumbnail and claim from a hundred megapixels to a million of them. */
export const BOMBS = [
  png(30_000, 30_000, Buffer.alloc(16)),
  png(1_000_000, 1_000_000, Buffer.alloc(16)),
  gif(30_000),
  gif(65_535),
  jpeg(30_000),
  jpeg(65_500),
  webp(16_383),
  losslessWebp(16_383),
  tiff(30_000),
  tiff(100_000),
  avif(10_000),
  avif(30_000),
];
