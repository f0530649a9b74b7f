import { missing } from '../at.js';
import type { Random } from '../random.js';
import type { Point, Size } from './geometry.js';
import type { Picture } from './picture.js';
import { sampleRow } from './sample-row.js';

// Augmentations, which change a picture but not its class. Coordinates are Pillow's: x to the right, y down, in pixels. The
// pixel in column x and row y covers x..x+1 and y..y+1, so its centre is at (x + 0.5, y + 0.5).

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
 * Mirrors a picture left to right, into a new array.
 * @param pixels RGB u8, height x width x 3
 */
export function mirror(pixels: Uint8Array, width: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(pixels.length);
  const rowLength = width * 3;
  for (let row = 0; row < pixels.length; row += rowLength) {
    for (let p = row, o = row + rowLength - 3; p < row + rowLength; p += 3, o -= 3) {
      out[o] = pixels[p] ?? missing(p);
      out[o + 1] = pixels[p + 1] ?? missing(p + 1);
      out[o + 2] = pixels[p + 2] ?? missing(p + 2);
    }
  }
  return out;
}

/** A counter-clockwise rotation about `centre`, as in Pillow's `Image.rotate`. */
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
 * A horizontal shear: the row through `centre` stays, and a row `dy` pixels below it moves to the left by tan(degrees) dy, so
 * that a vertical line leans to the right. Equal to torchvision's `affine` with only `shear=[degrees, 0]`.
 * @param degrees between -90 and 90
 */
export function shear(degrees: number, centre: Point): Affine {
  const slope = Math.tan((degrees * Math.PI) / 180);
  return [1, slope, -slope * centre.y, 0, 1, 0];
}

/** Two maps, one after the other: where the output pixel comes from by the first, and where that comes from by the second. */
export function composed([a, b, c, d, e, f]: Affine, [g, h, i, j, k, l]: Affine): Affine {
  return [g * a + h * d, g * b + h * e, g * c + h * f + i, j * a + k * d, j * b + k * e, j * c + k * f + l];
}

/**
 * Transforms a picture by `affine`, with bilinear interpolation (see `sampleRow`). Beyond the edges the nearest edge pixel is used,
 * because no network was trained on the black corners that Pillow would leave.
 * @param picture RGB u8, at least one pixel
 * @returns RGB u8, `size.height` x `size.width` x 3
 */
export function warp(picture: Picture, affine: Affine, size: Size): Uint8Array<ArrayBuffer> {
  const [a, b, c, d, e, f] = affine;
  const out = new Uint8Array(size.width * size.height * 3);
  const [xs, ys] = [new Float64Array(size.width), new Float64Array(size.width)];
  for (let y = 0; y < size.height; y++) {
    const startX = rowStart(a, b, c, y);
    const startY = rowStart(d, e, f, y);
    for (let x = 0; x < size.width; x++) {
      xs[x] = startX + a * x;
      ys[x] = startY + d * x;
    }
    sampleRow(picture, xs, ys, out, y * size.width * 3);
  }
  return out;
}

/**
 * One source coordinate of the first pixel of row `y`, in pixels from the centre of the source's first pixel. For the pixel in
 * column x, add x times `alongX`.
 */
function rowStart(alongX: number, alongY: number, offset: number, y: number): number {
  return alongX * 0.5 + alongY * (y + 0.5) + offset - 0.5;
}

/**
 * The source pixels that `warp` needs for an output of `size`, ignoring the edges of the picture. If the picture is cropped to
 * this box, and the crop's corner is subtracted from c and f of `affine`, the output of `warp` stays the same.
 */
export function affineBounds([a, b, c, d, e, f]: Affine, size: Size): Extent {
  const [left, right] = sourceRange(a, b, c, size);
  const [top, bottom] = sourceRange(d, e, f, size);
  return { left, top, right, bottom };
}

/** Along one axis the first source pixel, and one past the last: the extremes are at the output's corners. */
function sourceRange(alongX: number, alongY: number, offset: number, { width, height }: Size): [number, number] {
  const corners = [0, height - 1]
    .map((y) => rowStart(alongX, alongY, offset, y))
    .flatMap((start) => [start, start + alongX * (width - 1)]);
  return [Math.floor(Math.min(...corners)), Math.ceil(Math.max(...corners)) + 1];
}

// Eigenvalues and (in columns) eigenvectors of the covariance of ImageNet's red, green and blue in 0..1, from
// fb.resnet.torch (datasets/imagenet.lua). Eigenvalues are in squared levels, so the same formula in 0..255 would give other
// shifts; networks were trained with these shifts, times 255.
const EIGENVALUES = [0.2175, 0.0188, 0.0045] as const;
const EIGENVECTORS = [
  [-0.5675, 0.7192, 0.4009],
  [-0.5808, -0.0045, -0.814],
  [-0.5836, -0.6948, 0.4203],
] as const;

/** What is added to red, green and blue, in levels of 0..255. */
type ColourShift = readonly [red: number, green: number, blue: number];

/**
 * A random colour shift, the same for all pixels of a picture (Krizhevsky et al. 2012, section 4.1): the sum of the principal
 * components of ImageNet's colours, each times its eigenvalue and a normal random number.
 * @param strength standard deviation of the random numbers, 0.1 in the paper
 */
export function colourShift(random: Random, strength: number): ColourShift {
  const amount = (eigenvalue: number) => eigenvalue * strength * random.normal() * 255;
  const amounts = [amount(EIGENVALUES[0]), amount(EIGENVALUES[1]), amount(EIGENVALUES[2])] as const;
  const along = (row: readonly [number, number, number]) =>
    row[0] * amounts[0] + row[1] * amounts[1] + row[2] * amounts[2];
  return [along(EIGENVECTORS[0]), along(EIGENVECTORS[1]), along(EIGENVECTORS[2])];
}

/**
 * Adds `shift` to every pixel, rounded (ties to even) and clipped to 0..255, into a new array.
 * @param pixels RGB u8, interleaved
 */
export function shiftColours(pixels: Uint8Array, shift: ColourShift): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(pixels.length);
  shift.forEach((change, channel) => {
    // A clamped array rounds and clips its elements.
    const table = Uint8ClampedArray.from({ length: 256 }, (_, level) => level + change);
    for (let p = channel; p < pixels.length; p += 3) out[p] = table[pixels[p] ?? missing(p)] ?? missing(p);
  });
  return out;
}

/** The top left corner of a random crop, uniformly distributed. The crop must fit into the resized picture. */
export function randomCorner(random: Random, resized: Size, crop: Size): Point {
  return {
    x: random.integer(resized.width - crop.width + 1),
    y: random.integer(resized.height - crop.height + 1),
  };
}
