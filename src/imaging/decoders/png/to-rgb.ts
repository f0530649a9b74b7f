import { COLOUR, type PngFile } from './png-file.js';

/**
 * Converts the samples of a PNG to 8-bit RGB: grey is spread over 0 to 255, and what is transparent is put over white.
 * @param samples rows of `rowBytes` bytes, from the top; may become the result
 * @returns undefined if a pixel's colour is not in the palette, or a transparent colour has more bits than the samples
 */
export function toRgb(
  file: PngFile,
  samples: Uint8Array<ArrayBuffer>,
  rowBytes: number,
): Uint8Array<ArrayBuffer> | undefined {
  if (file.colour === COLOUR.rgb) return file.transparency.length === 0 ? samples : withoutColour(file, samples);
  const rgb = new Uint8Array(file.width * file.height * 3);
  if (file.colour === COLOUR.rgba) return overWhite(samples, 4, rgb);
  if (file.colour === COLOUR.greyAlpha) return overWhite(samples, 2, rgb);
  const colours = file.colour === COLOUR.palette ? coloursOf(file) : greysOf(file);
  return colours && lookUp(colours, file.depth === 8 ? samples : unpacked(file, samples, rowBytes), rgb);
}

/** RGB in which one colour becomes white. */
function withoutColour(
  { transparency }: PngFile,
  samples: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> | undefined {
  const [red, green, blue] = [0, 2, 4].map((at) => transparency.readUInt16BE(at)) as [number, number, number];
  if (Math.max(red, green, blue) > 255) return undefined;
  for (let p = 0; p < samples.length; p += 3) {
    if (samples[p] === red && samples[p + 1] === green && samples[p + 2] === blue) samples.fill(255, p, p + 3);
  }
  return samples;
}

/** Grey or RGB, each followed by its alpha. */
function overWhite(samples: Uint8Array, channels: 2 | 4, rgb: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const [green, blue, alphaAt] = channels === 2 ? [0, 0, 1] : [1, 2, 3];
  for (let p = 0, o = 0; o < rgb.length; p += channels, o += 3) {
    const alpha = samples[p + alphaAt] as number;
    rgb[o] = put(samples[p] as number, alpha);
    rgb[o + 1] = put(samples[p + green] as number, alpha);
    rgb[o + 2] = put(samples[p + blue] as number, alpha);
  }
  return rgb;
}

/** A sample over white, cut off as by libvips (conversion/flatten.c). */
function put(sample: number, alpha: number): number {
  return Math.trunc((sample * alpha + 255 * (255 - alpha)) / 255);
}

/** The colours of a palette. */
function coloursOf({ palette, transparency }: PngFile): Uint8Array {
  if (transparency.length === 0) return palette;
  return palette.map((sample, i) => put(sample, transparency[Math.trunc(i / 3)] ?? 255));
}

/** Grey of 1, 2, 4 and 8 bits as colours. */
const GREYS = new Map(
  [1, 2, 4, 8].map((depth) => {
    const most = 2 ** depth - 1;
    return [depth, Uint8Array.from({ length: 3 * (most + 1) }, (_, i) => (Math.trunc(i / 3) * 255) / most)];
  }),
);

function greysOf({ depth, transparency }: PngFile): Uint8Array | undefined {
  const greys = GREYS.get(depth);
  if (!greys || transparency.length === 0) return greys;
  const at = 3 * transparency.readUInt16BE(0);
  return at < greys.length ? Uint8Array.from(greys).fill(255, at, at + 3) : undefined;
}

/** Samples of fewer than 8 bits, the first one in the highest bits of a byte, each in a byte of its own. */
function unpacked({ width, height, depth }: PngFile, samples: Uint8Array, rowBytes: number): Uint8Array {
  const out = new Uint8Array(width * height);
  const mask = 2 ** depth - 1;
  for (let y = 0, o = 0; y < height; y++) {
    for (let bit = 0; bit < width * depth; bit += depth) {
      const byte = samples[y * rowBytes + (bit >> 3)] as number;
      out[o++] = (byte >> (8 - depth - (bit & 7))) & mask;
    }
  }
  return out;
}

function lookUp(colours: Uint8Array, samples: Uint8Array, rgb: Uint8Array<ArrayBuffer>) {
  for (let p = 0, o = 0; o < rgb.length; p++, o += 3) {
    const at = 3 * (samples[p] as number);
    if (at >= colours.length) return undefined;
    rgb[o] = colours[at] as number;
    rgb[o + 1] = colours[at + 1] as number;
    rgb[o + 2] = colours[at + 2] as number;
  }
  return rgb;
}
