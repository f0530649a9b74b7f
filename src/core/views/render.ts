import { prepareDigit } from '../digit/prepare-digit.js';
import { channelsOf } from '../manifest/color-order.js';
import type { Filter } from '../manifest/manifest.js';
import { type Affine, affineBounds, composed, mirror, rotation, shear, shiftColours, warp } from '../pixels/augment.js';
import { type Box, type Point, type Size, sizeOf, union, type Window } from '../pixels/geometry.js';
import { warpLocally } from '../pixels/local-warp.js';
import { luma } from '../pixels/luma.js';
import type { Picture } from '../pixels/picture.js';
import { resizeWindow, sourceWindow } from '../pixels/resample.js';
import type { Geometry, View } from './views.js';

/** A part of a resized picture, and its position in it. */
interface ResizedRegion extends Picture, Point {}

/**
 * Renders the views of a picture for networks of one geometry, before normalisation. The picture is resized once for each scale,
 * and the views are cut from the result.
 * @returns views x height x width x 3 RGB, or views x height x width if `color` is GRAY
 */
export function renderViews(picture: Picture, geometry: Geometry, views: readonly View[]): Uint8Array<ArrayBuffer> {
  const { input, resize, color } = geometry;
  if (resize.mode === 'digit') return prepareDigit(picture, input);
  const source = color === 'GRAY' ? grey(picture) : picture;
  const length = input.width * input.height * channelsOf(color);
  const out = new Uint8Array(views.length * length);
  for (const scale of byScale(views)) {
    const shared = sharedBox(scale);
    // In a very long picture the crops lie far apart, and resizing each by itself takes less work.
    const together = area(shared) <= scale.reduce((sum, { box }) => sum + area(box), 0);
    const region = together ? resized(source, shared, resize.filter) : undefined;
    for (const { index, view, window, box } of scale) {
      const pixels = viewPixels(region ?? resized(source, box, resize.filter), view, window, input, resize.filter);
      out.set(color === 'GRAY' ? pixels.filter((_, k) => k % 3 === 0) : pixels, index * length);
    }
  }
  return out;
}

/** The part of a picture on which its views depend. */
export function partSeen(picture: Size, { resize }: Geometry, views: readonly View[]): Box {
  if (resize.mode === 'digit') return { x: 0, y: 0, ...sizeOf(picture) };
  return union(byScale(views).map((scale) => sourceWindow(picture, sharedBox(scale), resize.filter)));
}

interface PlacedView {
  /** Position among the views. */
  index: number;
  view: View;
  window: Window;
  /** The part of the resized picture on which the view depends. */
  box: Window;
}

/** The views, grouped by the size of the resized picture. */
function byScale(views: readonly View[]): [PlacedView, ...PlacedView[]][] {
  const groups = new Map<string, [PlacedView, ...PlacedView[]]>();
  for (const [index, view] of views.entries()) {
    const { window } = view;
    if (!window) throw new Error('the view has no window');
    const key = `${window.resized.width}x${window.resized.height}`;
    const placed = { index, view, window, box: sourceBox(view, window) };
    const group = groups.get(key);
    if (group) group.push(placed);
    else groups.set(key, [placed]);
  }
  return [...groups.values()];
}

/** The smallest part of the resized picture that contains the boxes of all views of one scale. */
function sharedBox(scale: readonly [PlacedView, ...PlacedView[]]): Window {
  return { ...union(scale.map(({ box }) => box)), resized: scale[0].box.resized };
}

/** The part of the resized picture on which a view depends. */
function sourceBox({ distortion }: View, window: Window): Window {
  const { left, top, right, bottom } = distortion
    ? affineBounds(affineOf(distortion, window), window)
    : { left: 0, top: 0, right: window.width, bottom: window.height };
  const { resized } = window;
  const x = Math.max(0, left + window.x);
  const y = Math.max(0, top + window.y);
  return {
    x,
    y,
    width: Math.min(resized.width, right + window.x) - x,
    height: Math.min(resized.height, bottom + window.y) - y,
    resized,
  };
}

/** Maps the pixels of a distorted view to those of its window. */
function affineOf({ rotate, shear: degrees }: NonNullable<View['distortion']>, { width, height }: Size): Affine {
  const centre = { x: width / 2, y: height / 2 };
  return composed(shear(degrees, centre), rotation(rotate, centre));
}

function area({ width, height }: Size): number {
  return width * height;
}

function resized(source: Picture, box: Window, filter: Filter): ResizedRegion {
  return { data: resizeWindow(source, box, filter), ...box };
}

/** One view, from a region that contains all pixels on which it depends: `input.height` x `input.width` x 3. */
function viewPixels(
  region: ResizedRegion,
  { distortion, localWarp, mirrored, colourShift }: View,
  window: Window,
  input: Size,
  filter: Filter,
): Uint8Array {
  let pixels = distortion
    ? warp(region, translated(affineOf(distortion, window), window, region), window)
    : crop(region, window);
  if (localWarp) pixels = warpLocally({ data: pixels, width: window.width, height: window.height }, localWarp);
  if (window.width !== input.width || window.height !== input.height) {
    const whole = { data: pixels, width: window.width, height: window.height };
    pixels = resizeWindow(whole, { x: 0, y: 0, width: input.width, height: input.height, resized: input }, filter);
  }
  if (mirrored) pixels = mirror(pixels, input.width);
  return colourShift ? shiftColours(pixels, colourShift) : pixels;
}

/** The same map with source coordinates relative to `to` instead of `from`. */
function translated([a, b, c, d, e, f]: Affine, from: Point, to: Point): Affine {
  return [a, b, c + from.x - to.x, d, e, f + from.y - to.y];
}

/** Crops a window from a region. Where the window extends beyond the region it is black. */
function crop(region: ResizedRegion, window: Window): Uint8Array<ArrayBuffer> {
  const { x, y, width, height } = region;
  const same = x === window.x && y === window.y && width === window.width && height === window.height;
  if (same) return region.data;
  const out = new Uint8Array(window.height * window.width * 3);
  const left = Math.max(x, window.x);
  const right = Math.min(x + width, window.x + window.width);
  const top = Math.max(y, window.y);
  const bottom = Math.min(y + height, window.y + window.height);
  for (let row = top; row < bottom; row++) {
    const from = (row - y) * width + left - x;
    const to = (row - window.y) * window.width + left - window.x;
    out.set(region.data.subarray(3 * from, 3 * (from + right - left)), 3 * to);
  }
  return out;
}

/** A picture with its luma in all three channels. It is converted before resizing, as is usual with Pillow. */
function grey(picture: Picture): Picture {
  const data = new Uint8Array(picture.data.length);
  for (let p = 0; p < data.length; p += 3) data.fill(luma(picture.data, p), p, p + 3);
  return { ...picture, data };
}
