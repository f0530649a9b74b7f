import type { Random } from '../random.js';
import type { Point, Size } from './geometry.js';
import type { Picture } from './picture.js';

// Changes to a picture that leave its class as it is. Positions are Pillow's: x to the right, y down, in pixels, and the
// pixel in column x and row y covers x..x+1 and y..y+1, so that its centre is at a half.

/**
 * Where an output pixel comes from, as for Pillow's `Image.transform(size, AFFINE)`: the centre of the pixel in column x
 * and row y comes from a (x + 0.5) + b (y + 0.5) + c and d (x + 0.5) + e (y + 0.5) + f.
 */
export type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/** A box of pixels: columns `left .. right - 1`, rows `top .. bottom - 1`. */
interface Extent {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/**
 * Left and right exchanged, in a new array.
 * @param pixels RGB u8, height x width x 3
 */
export function mirror(pixels: Uint8Array, width: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(pixels.length);
  const rowLength = width * 3;
  for (let row = 0; row < pixels.length; row += rowLength) {
    for (let p = row, o = row + rowLength - 3; p < row + rowLength; p += 3, o -= 3) {
      out[o] = pixels[p] as number;
      out[o + 1] = pixels[p + 1] as number;
      out[o + 2] = pixels[p + 2] as number;
    }
  }
  return out;
}

/** Turns the picture counter-clockwise, as it is seen, about `centre`: Pillow's `Image.rotate`. */
export function rotation(degrees: number, centre: Point): Affine {
  const angle = ((degrees % 360) * Math.PI) / 180;
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  return [
    cos,
    -sin,
    centre.x - (cos * centre.x - sin * centre.y),
    sin,
    cos,
    centre.y - (sin * centre.x + cos * centre.y),
  ];
}

/**
 * Slants the picture sideways: the row through `centre` stays, and a row by `dy` below it moves to the left by
 * tan(degrees) dy, so that an upright line leans to the right as an italic does. This is torchvision's `affine` with
 * `shear=[degrees, 0]` and nothing else.
 * @param degrees between -90 and 90
 */
export function shear(degrees: number, centre: Point): Affine {
  const slope = Math.tan((degrees * Math.PI) / 180);
  return [1, slope, -slope * centre.y, 0, 1, 0];
}

/** Fraction bits of the weights: 8 bits of colour times two weights must stay below 2^31. */
const FRACTION_BITS = 11;
const ONE = 1 << FRACTION_BITS;
const HALF = 1 << (2 * FRACTION_BITS - 1);

/**
 * The picture seen through `affine`: bilinear between the four nearest pixels. Beyond the edges it goes on with the
 * nearest edge pixel, as no network was trained on the black corners that Pillow would leave.
 *
 * Positions are rounded to 1/2048 pixel and colours to the nearest level. Pillow drops their fraction, so where it reads
 * within the picture its levels are these or one less.
 *
 * @param picture RGB u8, at least one pixel
 * @returns RGB u8, `size.height` x `size.width` x 3
 */
export function warp(picture: Picture, affine: Affine, size: Size): Uint8Array<ArrayBuffer> {
  const { data, width, height } = picture;
  const [a, b, c, d, e, f] = affine;
  const [lastX, lastY, rowLength] = [width - 1, height - 1, width * 3];
  const out = new Uint8Array(size.width * size.height * 3);
  for (let y = 0, o = 0; y < size.height; y++) {
    const startX = rowStart(a, b, c, y);
    const startY = rowStart(d, e, f, y);
    for (let x = 0; x < size.width; x++, o += 3) {
      // Going on with edge pixels is reading at the edge.
      const sourceX = Math.min(Math.max(startX + a * x, 0), lastX);
      const sourceY = Math.min(Math.max(startY + d * x, 0), lastY);
      const left = sourceX | 0;
      const top = sourceY | 0;
      const rightWeight = ((sourceX - left) * ONE + 0.5) | 0;
      const bottomWeight = ((sourceY - top) * ONE + 0.5) | 0;
      const leftWeight = ONE - rightWeight;
      const topWeight = ONE - bottomWeight;
      const p = top * rowLength + left * 3;
      const q = left < lastX ? p + 3 : p;
      const down = top < lastY ? rowLength : 0;
      for (let channel = 0; channel < 3; channel++) {
        const upper = (data[p + channel] as number) * leftWeight + (data[q + channel] as number) * rightWeight;
        const lower =
          (data[p + down + channel] as number) * leftWeight + (data[q + down + channel] as number) * rightWeight;
        out[o + channel] = (upper * topWeight + lower * bottomWeight + HALF) >> (2 * FRACTION_BITS);
      }
    }
  }
  return out;
}

/**
 * One coordinate of the source of the first pixel of row `y`, in pixels from the centre of the source's first pixel. The
 * pixel in column x is from x times `alongX` further on.
 */
function rowStart(alongX: number, alongY: number, offset: number, y: number): number {
  return alongX * 0.5 + alongY * (y + 0.5) + offset - 0.5;
}

/**
 * The source pixels that `warp` needs for an output of `size`, wherever the edges of the picture are. Of a picture cut to
 * the part of this box within it, and with the part's corner taken off `affine`'s c and f, `warp` makes the same output.
 */
export function affineBounds([a, b, c, d, e, f]: Affine, size: Size): Extent {
  const [left, right] = reach(a, b, c, size);
  const [top, bottom] = reach(d, e, f, size);
  return { left, top, right, bottom };
}

/** From the first source pixel along one axis to the one after the last: the extremes are at the output's corners. */
function reach(alongX: number, alongY: number, offset: number, { width, height }: Size): [number, number] {
  const corners = [0, height - 1]
    .map((y) => rowStart(alongX, alongY, offset, y))
    .flatMap((start) => [start, start + alongX * (width - 1)]);
  return [Math.floor(Math.min(...corners)), Math.ceil(Math.max(...corners)) + 1];
}

// Eigenvalues and (in columns) eigenvectors of the covariance of ImageNet's red, green and blue in 0..1, as published with
// fb.resnet.torch (datasets/imagenet.lua). Eigenvalues are in squares of levels, so the same formula in 0..255 would give
// other shifts; it is these, times 255, that networks have been trained with.
const EIGENVALUES = [0.2175, 0.0188, 0.0045] as const;
const EIGENVECTORS = [
  [-0.5675, 0.7192, 0.4009],
  [-0.5808, -0.0045, -0.814],
  [-0.5836, -0.6948, 0.4203],
] as const;

/** What is added to red, green and blue, in levels of 0..255. */
type ColourShift = readonly [red: number, green: number, blue: number];

/**
 * A change of light in ImageNet's proportions, one for all pixels of a picture (Krizhevsky et al. 2012, section 4.1): the
 * sum of the principal components of its colours, each times its eigenvalue and a normal draw.
 * @param strength standard deviation of the draws, 0.1 in the paper
 */
export function colourShift(random: Random, strength: number): ColourShift {
  const amounts = EIGENVALUES.map((value) => value * strength * random.normal() * 255) as [number, number, number];
  const along = (row: readonly [number, number, number]) =>
    row[0] * amounts[0] + row[1] * amounts[1] + row[2] * amounts[2];
  return [along(EIGENVECTORS[0]), along(EIGENVECTORS[1]), along(EIGENVECTORS[2])];
}

/**
 * Every pixel with `shift` added, rounded (ties to the even level) and clipped to 0..255, in a new array.
 * @param pixels RGB u8, interleaved
 */
export function shiftColours(pixels: Uint8Array, shift: ColourShift): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(pixels.length);
  shift.forEach((change, channel) => {
    // A clamped array rounds and clips what is put into it.
    const table = Uint8ClampedArray.from({ length: 256 }, (_, level) => level + change);
    for (let p = channel; p < pixels.length; p += 3) out[p] = table[pixels[p] as number] as number;
  });
  return out;
}

/** The upper left corner of a crop, all places being as likely. The crop must fit into the resized picture. */
export function randomCorner(random: Random, resized: Size, crop: Size): Point {
  return {
    x: random.integer(resized.width - crop.width + 1),
    y: random.integer(resized.height - crop.height + 1),
  };
}
