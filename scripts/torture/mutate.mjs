import { crc32 } from 'node:zlib';
import { oneOf } from './one-of.mjs';

/** @import { Random } from '../../dist/core/random.js' */

/** Numbers at the edges of what formats count with. */
const EDGES = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff];
/** Where most formats keep what they say of themselves. */
const HEADER_BYTES = 64;
const MOST_CHANGES = 3;

/** A place in the file, and one not before it. @param {Buffer} bytes @param {Random} random @returns {[number, number]} */
function slice(bytes, random) {
  const from = random.integer(bytes.length + 1);
  return [from, from + random.integer(bytes.length - from + 1)];
}

/** @param {Random} random @param {number} length */
const noise = (random, length) => Buffer.from(Array.from({ length }, () => random.integer(256)));

/** @type {Record<string, (bytes: Buffer, random: Random, other: Buffer) => Buffer>} */
const CHANGES = {
  flip(bytes, random) {
    for (let i = 1 + random.integer(32); i > 0 && bytes.length > 0; i--) {
      const at = random.integer(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.integer(8));
    }
    return bytes;
  },
  run(bytes, random) {
    const from = random.integer(bytes.length + 1);
    const value = oneOf(random, [0, 0xff, random.integer(256)]);
    return bytes.fill(value, from, Math.min(bytes.length, from + random.integer(64)));
  },
  truncate: (bytes, random) => bytes.subarray(0, random.integer(bytes.length + 1)),
  remove(bytes, random) {
    const [from, to] = slice(bytes, random);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  repeat(bytes, random) {
    const [from, to] = slice(bytes, random);
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
  insert(bytes, random) {
    const at = random.integer(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), noise(random, 1 + random.integer(64)), bytes.subarray(at)]);
  },
  header(bytes, random) {
    for (let i = 1 + random.integer(4); i > 0 && bytes.length > 0; i--) {
      bytes[random.integer(Math.min(HEADER_BYTES, bytes.length))] = random.integer(256);
    }
    return bytes;
  },
  number(bytes, random) {
    if (bytes.length < 4) return bytes;
    const value = oneOf(random, EDGES);
    const at = random.integer(Math.min(4 * HEADER_BYTES, bytes.length) - 3);
    if (random.integer(2) === 0) bytes.writeUInt32BE(value, at);
    else bytes.writeUInt32LE(value, at);
    return bytes;
  },
  // So that damage reaches what a checksum would keep away from a decoder.
  mend: (bytes) => withChecksums(bytes),
  append: (bytes, _random, other) => Buffer.concat([bytes, other]),
  graft(bytes, random, other) {
    const at = random.integer(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), other.subarray(Math.min(at, other.length))]);
  },
};

/** A PNG with right checksums, as far as its chunks can be followed. @param {Buffer} bytes */
function withChecksums(bytes) {
  if (bytes.toString('latin1', 1, 4) !== 'PNG') return bytes;
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = at + 12 + bytes.readUInt32BE(at);
    if (end > bytes.length) break;
    bytes.writeUInt32BE(crc32(bytes.subarray(at + 4, end - 4)), end - 4);
    at = end;
  }
  return bytes;
}

/**
 * A damaged picture, and how it came about.
 * @param {readonly { name: string, bytes: Buffer }[]} pictures @param {Random} random
 */
export function mutant(pictures, random) {
  const { name, bytes: whole } = oneOf(random, pictures);
  let bytes = whole;
  const recipe = [];
  for (let i = 1 + random.integer(MOST_CHANGES); i > 0; i--) {
    const [change, apply] = oneOf(random, Object.entries(CHANGES));
    bytes = apply(Buffer.from(bytes), random, oneOf(random, pictures).bytes);
    recipe.push(change);
  }
  return { bytes, recipe: `${name}: ${recipe.join(', ')}` };
}
