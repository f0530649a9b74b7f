import { createHash } from 'node:crypto';
import { mutant } from './mutate.mjs';

/** @import { Random } from '../../dist/core/random.js' */
/** @import { Box, Size } from '../../dist/core/pixels/geometry.js' */
/** @import { Picture } from '../../dist/core/pixels/picture.js' */

/** @typedef {(file: Uint8Array, autoOrient: boolean, limits: { maxPixels: number }, wanted?: (size: Size) => Box) => Promise<Picture>} Decode */

const LIMITS = { maxPixels: 4_000_000 };

/**
 * Damages pictures and decodes each in two ways, whole, turned or in part: the pixels, or the code and the message of the error, must
 * be the same.
 * @param {readonly { name: string, bytes: Buffer }[]} pictures @param {number} count
 * @param {(i: number) => Random} random of the picture with that number
 * @param {{ before: Decode, after: Decode }} decoders
 * @returns {Promise<{ outcomes: Map<string, number>, differences: string[] }>} how often each format was decoded and each code came
 */
export async function differences(pictures, count, random, { before, after }) {
  /** @type {Map<string, number>} */
  const outcomes = new Map();
  /** @type {string[]} */
  const found = [];
  for (let i = 0; i < count; i++) {
    const { bytes, recipe } = mutant(pictures, random(i));
    // A stream of its own, beside those of the damage.
    const choice = random(count + i);
    const autoOrient = choice.integer(2) === 0;
    const share = choice.integer(3) === 0 ? undefined : [0, 1, 2, 3].map(() => choice.integer(1 << 16) / (1 << 16));
    const wanted = share && ((/** @type {Size} */ size) => partOf(size, share));
    const [expected, result] = [
      await outcomeOf(before(bytes, autoOrient, LIMITS, wanted)),
      await outcomeOf(after(bytes, autoOrient, LIMITS, wanted)),
    ];
    outcomes.set(expected.kind, (outcomes.get(expected.kind) ?? 0) + 1);
    if (expected.all !== result.all) found.push(`picture ${i} (${recipe}): ${expected.all}, now ${result.all}`);
  }
  return { outcomes, differences: found };
}

/** Some part of a picture. @param {Size} size @param {number[]} share @returns {Box} */
function partOf({ width, height }, [left = 0, top = 0, across = 0, down = 0]) {
  const [x, y] = [Math.floor(left * width), Math.floor(top * height)];
  return { x, y, width: 1 + Math.floor(across * (width - x)), height: 1 + Math.floor(down * (height - y)) };
}

/** @param {Promise<Picture & { format?: string }>} decoding */
async function outcomeOf(decoding) {
  try {
    const { data, width, height, part, format } = await decoding;
    const pixels = createHash('sha256').update(data).digest('base64');
    return {
      kind: `decoded ${format}`,
      all: JSON.stringify({ width, height, part, format, length: data.length, pixels }),
    };
  } catch (error) {
    const { code = 'no code', message } = /** @type {{ code?: string, message: string }} */ (error);
    return { kind: code, all: `${code}: ${message}` };
  }
}
