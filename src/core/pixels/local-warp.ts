import { at } from '../at.js';
import type { Random } from '../random.js';
import type { Picture } from './picture.js';
import { sampleRow } from './sample-row.js';

/** Control points along each side. */
const POINTS = 3;

/** How far each control point moves, in sides of the picture: to the right and down, row by row. */
export interface LocalWarp {
  right: readonly number[];
  down: readonly number[];
}

/**
 * A random smooth deformation: the points of a 3 x 3 grid move by normal random numbers, and what is between them follows
 * (Ronneberger, Fischer and Brox 2015, "U-Net", section 3.1).
 * @param strength standard deviation of the movements, in sides of the picture
 */
export function randomWarp(random: Random, strength: number): LocalWarp {
  const draw = () => Array.from({ length: POINTS * POINTS }, () => strength * random.normal());
  return { right: draw(), down: draw() };
}

/**
 * Deforms a picture. The movements between the control points are interpolated by cubic splines (Catmull and Rom 1974).
 * @param picture RGB u8, at least one pixel
 * @returns RGB u8 of the same size
 */
export function warpLocally(picture: Picture, { right, down }: LocalWarp): Uint8Array<ArrayBuffer> {
  const { width, height } = picture;
  const out = new Uint8Array(width * height * 3);
  const columns = Array.from({ length: width }, (_, x) => splineWeights((x + 0.5) / width));
  const [xs, ys] = [new Float64Array(width), new Float64Array(width)];
  for (let y = 0; y < height; y++) {
    const weights = splineWeights((y + 0.5) / height);
    const [moveX, moveY] = [alongRow(right, weights), alongRow(down, weights)];
    for (const [x, column] of columns.entries()) {
      // A pixel comes from where its content was before it moved.
      xs[x] = x - width * weighted(moveX, column);
      ys[x] = y - height * weighted(moveY, column);
    }
    sampleRow(picture, xs, ys, out, y * width * 3);
  }
  return out;
}

/** The movements of the grid's columns in one row of pixels. */
function alongRow(moves: readonly number[], weights: readonly number[]): number[] {
  return Array.from({ length: POINTS }, (_, i) =>
    weights.reduce((sum, weight, j) => sum + weight * at(moves, j * POINTS + i), 0),
  );
}

function weighted(values: readonly number[], weights: readonly number[]): number {
  return values.reduce((sum, value, i) => sum + value * at(weights, i), 0);
}

/** The weights of the control points at a position from 0 to 1; beyond the first and last point these count twice. */
function splineWeights(position: number): number[] {
  const along = position * (POINTS - 1);
  const first = Math.min(POINTS - 2, Math.floor(along));
  const t = along - first;
  const cubic = [
    (-t * t * t + 2 * t * t - t) / 2,
    (3 * t * t * t - 5 * t * t + 2) / 2,
    (-3 * t * t * t + 4 * t * t + t) / 2,
    (t * t * t - t * t) / 2,
  ];
  const weights = Array.from({ length: POINTS }, () => 0);
  for (const [i, weight] of cubic.entries()) {
    const point = Math.min(POINTS - 1, Math.max(0, first - 1 + i));
    weights[point] = at(weights, point) + weight;
  }
  return weights;
}
