import { missing } from '../at.js';
import { luma } from '../pixels/luma.js';
import type { Picture } from '../pixels/picture.js';
import { findInk, type Ink } from './ink.js';
import { longSide, type Plane, resize, shrink } from './plane.js';

// Converts a picture of a digit to the form of MNIST, which the MNIST page (LeCun, Cortes, Burges) describes: "The
// original black and white (bilevel) images from NIST were size normalized to fit in a 20x20 pixel box while preserving
// their aspect ratio. The resulting images contain grey levels as a result of the anti-aliasing technique used by the
// normalization algorithm. the images were centered in a 28x28 image by computing the center of mass of the pixels, and
// translating the image so as to position this point at the center of the 28x28 field." LeNet-5 (LeCun et al. 1998)
// sees that field in the middle of 32x32.

/** Longer side, in pixels, to which larger pictures are shrunk first. */
const WORKING = 480;
/** Strokes thinner than this, in pixels of the 20x20 box, are thickened to it: MNIST's strokes are about as wide. */
const PEN = 1.7;

/**
 * Converts a picture of one digit to the form of MNIST: light on black, its longer side 20/28 of the field, its centre of mass
 * in the middle.
 * @param picture any size; dark on light or light on dark, anywhere in the picture, on paper that may be unevenly lit
 * @param size of the result in pixels; the field is 28/32 of it, or all of it up to 28 pixels
 * @returns height x width grey levels 0..255; all 0 if the picture shows no ink
 */
export function prepareDigit(
  picture: Picture,
  { height, width }: { height: number; width: number },
): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(height * width);
  const side = Math.min(height, width);
  const box = Math.max(1, Math.round(((side <= 28 ? side : (side * 28) / 32) * 20) / 28));
  const ink = findInk(greyOf(picture));
  if (!ink) return out;
  const digit = scale(ink, box);

  // Move by whole pixels, as in MNIST, so that a digit that is already centred is not blurred.
  const centre = massCentre(digit);
  const left = clamp(Math.round(Math.floor(width / 2) - centre.x), 0, width - digit.width);
  const top = clamp(Math.round(Math.floor(height / 2) - centre.y), 0, height - digit.height);
  const gain = 255 / digit.data.reduce((a, b) => Math.max(a, b), 1);
  digit.data.forEach((level, i) => {
    const x = i % digit.width;
    out[(top + (i - x) / digit.width) * width + left + x] = Math.round(level * gain);
  });
  return out;
}

/** Grey levels, shrunk to the working size a few rows at a time, to save memory for large photographs. */
function greyOf({ data, width, height }: Picture): Plane {
  const factor = Math.ceil(Math.max(width, height) / WORKING);
  const columns = Math.ceil(width / factor);
  const grey = new Float32Array(columns * Math.ceil(height / factor));
  const band = new Float32Array(factor * width);
  for (let y = 0, row = 0; y < height; y += factor, row += columns) {
    const rows = Math.min(factor, height - y);
    for (let i = 0, k = 3 * y * width; i < rows * width; i++, k += 3) {
      band[i] = luma(data, k);
    }
    grey.set(shrink({ data: band, width, height: rows }, factor).data, row);
  }
  return { data: grey, width: columns, height: grey.length / columns };
}

/** The digit alone, its longer side `box` pixels, thin strokes thickened. */
function scale(ink: Ink, box: number): Plane {
  const size = longSide(ink.box);
  const thickness = (strokeThickness(ink) * 20) / size;
  if (thickness >= PEN || size < 1.25 * box) return resizeInk(ink, box);
  const fine = resizeInk(ink, 4 * box);
  const bold = thicken(fine, ((PEN - thickness) / 2) * (box / 5));
  return resizeInk({ plane: bold, box: { x0: 0, y0: 0, x1: bold.width, y1: bold.height } }, box);
}

/** Resizes the box of the ink to `size` pixels along its longer side, keeping the aspect ratio. */
function resizeInk({ plane, box }: Ink, size: number): Plane {
  const factor = size / longSide(box);
  const side = (length: number) => Math.max(1, Math.round(length * factor));
  return resize(plane, box, side(box.x1 - box.x0), side(box.y1 - box.y0));
}

/** Mean width of the strokes in pixels: twice their area divided by the length of their outline, which is exact for bars. */
function strokeThickness({ plane: { data, width, height }, box }: Ink): number {
  const isInk = (x: number, y: number): boolean =>
    x >= 0 && y >= 0 && x < width && y < height && (data[y * width + x] ?? 0) >= 128;
  let [area, outline] = [0, 0];
  for (let y = box.y0; y < box.y1; y++) {
    for (let x = box.x0; x < box.x1; x++) {
      area += (data[y * width + x] ?? 0) / 255;
      if (!isInk(x, y)) continue;
      outline +=
        4 - Number(isInk(x - 1, y)) - Number(isInk(x + 1, y)) - Number(isInk(x, y - 1)) - Number(isInk(x, y + 1));
    }
  }
  return (2 * area) / Math.max(1, outline);
}

/** The maximum within a disc of `radius` around each pixel; the plane grows by the radius on each side. */
function thicken({ data, width, height }: Plane, radius: number): Plane {
  const reach = Math.ceil(radius);
  const [columns, rows] = [width + 2 * reach, height + 2 * reach];
  const bold = new Float32Array(columns * rows);
  const side = 2 * reach + 1;
  // The rim of the disc has partial weights, so that fractional radii differ.
  const disc = Float64Array.from({ length: side * side }, (_, i) =>
    clamp(radius + 1 - Math.hypot((i % side) - reach, Math.floor(i / side) - reach), 0, 1),
  );
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const level = data[i] ?? missing(i);
      // Most of the plane is empty.
      if (level === 0) continue;
      for (let v = 0, k = 0; v < side; v++) {
        const start = (y + v) * columns + x;
        for (let u = 0; u < side; u++, k++) {
          const value = level * (disc[k] ?? missing(k));
          if (value > (bold[start + u] ?? missing(start + u))) bold[start + u] = value;
        }
      }
    }
  }
  return { data: bold, width: columns, height: rows };
}

/** Centre of mass in pixels; the first pixel is 0. */
function massCentre({ data, width }: Plane): { x: number; y: number } {
  let [mass, x, y] = [0, 0, 0];
  data.forEach((level, i) => {
    mass += level;
    x += level * (i % width);
    y += level * Math.floor(i / width);
  });
  return { x: x / mass, y: y / mass };
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
