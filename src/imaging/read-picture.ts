import { type Size, union } from '../core/geometry.js';
import { partSeen, renderViews } from '../core/render.js';
import { type LookOptions, viewsOf } from '../core/test-time.js';
import type { Geometry, View } from '../core/views.js';
import { type DecodeLimits, decode } from './decode.js';
import { release } from './release.js';
import type { Format } from './sniff.js';

/** How the networks of one geometry look at a picture. */
export interface Look {
  geometry: Geometry;
  options: LookOptions;
}

/** What a picture's file comes down to. */
export interface ReadPicture {
  /** Pixels. */
  width: number;
  /** Pixels. */
  height: number;
  format: Format;
  /** One entry for each look. */
  looks: RenderedLook[];
  decodeMs: number;
  /** Resizing and cropping. */
  preprocessMs: number;
}

/** The views of a look, and their pixels as renderViews makes them. */
export interface RenderedLook {
  views: View[];
  pixels: Uint8Array<ArrayBuffer>;
}

/**
 * Decodes a picture and renders all that networks are to see of it. The decoded picture, which is the largest of all this,
 * never leaves the thread.
 * @throws MenagerieError what decode throws; `invalid_request` where a look does not suit its geometry
 */
export async function readPicture(
  bytes: Uint8Array,
  autoOrient: boolean,
  looks: readonly Look[],
  limits: DecodeLimits,
): Promise<ReadPicture> {
  const started = performance.now();
  const seenBy = (size: Size) =>
    union(looks.map(({ geometry, options }) => partSeen(size, geometry, viewsOf(size, geometry, options))));
  const picture = await decode(bytes, autoOrient, limits, looks.length > 0 ? seenBy : undefined);
  const decoded = performance.now();
  const { width, height, format } = picture;
  const rendered = looks.map(({ geometry, options }): RenderedLook => {
    const views = viewsOf(picture, geometry, options);
    return { views, pixels: renderViews(picture, geometry, views) };
  });
  release(picture.data);
  const preprocessMs = performance.now() - decoded;
  return { width, height, format, looks: rendered, decodeMs: decoded - started, preprocessMs };
}
