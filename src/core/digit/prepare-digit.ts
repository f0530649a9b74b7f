import { missing } from '../at.js';
import type { Picture } from '../pixels/picture.js';
import { coarseOf } from './background.js';
import { greyOf } from './grey.js';
import { findMarks, type Ink } from './marks.js';
import { mnistDigit } from './mnist-form.js';
import { longSide, type Plane } from './plane.js';
import { resize } from './resize.js';
import { findSheet } from './sheet.js';
import { strokeThickness, thicken } from './strokes.js';

// Converts a picture of a digit to the form of MNIST, which the MNIST page (LeCun, Cortes, Burges) describes: "The
// original black and white (bilevel) images from NIST were size normalized to fit in a 20x20 pixel box while preserving
// their aspect ratio. The resulting images contain grey levels as a result of the anti-aliasing technique used by the
// normalization algorithm. the images were centered in a 28x28 image by computing the center of mass of the pixels, and
// translating the image so as to position this point at the center of the 28x28 field." LeNet-5 (LeCun et al. 1998)
// sees that field in the middle of 32x32.

/** Strokes wider than this share of the longer side do not count as ink. */
const PEN_WINDOW = 1 / 3;
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
  const field = side <= 28 ? side : (side * 28) / 32;
  const box = Math.max(1, Math.round((field * 20) / 28));
  const digit = mnistDigit(picture, Math.round(field), box) ?? digitOf(picture, box);
  if (!digit) return out;

  // Move by whole pixels, as in MNIST, so that a digit that is already centred is not blurred.
  const centre = massCentre(digit);
  const left = clamp(Math.round(Math.floor(width / 2) - centre.x), 0, width - digit.width);
  const top = clamp(Math.round(Math.floor(height / 2) - centre.y), 0, height - digit.height);
  let most = 1;
  for (let i = 0; i < digit.data.length; i++) most = Math.max(most, digit.data[i] ?? missing(i));
  for (let y = 0, i = 0; y < digit.height; y++) {
    const row = (top + y) * width + left;
    for (let x = 0; x < digit.width; x++, i++) {
      out[row + x] = Math.round((digit.data[i] ?? missing(i)) * (255 / most));
    }
  }
  return out;
}

/** The digit of any picture, its longer side `box` pixels. */
function digitOf(picture: Picture, box: number): Plane | undefined {
  const ink = findInk(greyOf(picture));
  return ink && scale(ink, box);
}

/** Finds the digit in a grey picture on any paper, and removes everything else. @returns undefined if there is no ink */
function findInk(grey: Plane): Ink | undefined {
  const coarse = coarseOf(grey);
  const sheet = findSheet(grey, coarse);
  return (sheet && findMarks(sheet, coarseOf(sheet), PEN_WINDOW)) ?? findMarks(grey, coarse, PEN_WINDOW);
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

/** Centre of mass in pixels; the first pixel is 0. */
function massCentre({ data, width, height }: Plane): { x: number; y: number } {
  let [mass, sumX, sumY] = [0, 0, 0];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const level = data[i] ?? missing(i);
      mass += level;
      sumX += level * x;
      sumY += level * y;
    }
  }
  return { x: sumX / mass, y: sumY / mass };
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
