import { type Size, union } from '../core/pixels/geometry.js';
import { release } from '../core/pixels/release.js';
import { partSeen, renderViews } from '../core/views/render.js';
import { type Rendering, viewsOf } from '../core/views/test-time.js';
import type { View } from '../core/views/views.js';
import { type DecodeLimits, decode } from './decode.js';
import type { Format } from './sniff.js';

/** What a picture's file comes down to. */
export interface ReadPicture {
  /** Pixels. */
  width: number;
  /** Pixels. */
  height: number;
  format: Format;
  /** One entry for each rendering. */
  renderings: RenderedViews[];
  decodeMs: number;
  /** Resizing and cropping. */
  preprocessMs: number;
}

/** The views of a rendering, and their pixels as renderViews makes them. */
export interface RenderedViews {
  views: View[];
  pixels: Uint8Array<ArrayBuffer>;
}

/**
 * Decodes a picture and renders all that networks are to see of it. The decoded picture, which is the largest of all this,
 * never leaves the thread.
 * @throws MenagerieError what decode throws; `invalid_request` where the view options do not suit a geometry
 */
export async function readPicture(
  bytes: Uint8Array,
  autoOrient: boolean,
  renderings: readonly Rendering[],
  limits: DecodeLimits,
): Promise<ReadPicture> {
  const started = performance.now();
  const planFor = (size: Size) =>
    renderings.map(({ geometry, viewOptions }) => ({ geometry, views: viewsOf(size, geometry, viewOptions) }));
  let plan: ReturnType<typeof planFor> | undefined;
  const seenOf = (size: Size) => {
    plan = planFor(size);
    return union(plan.map(({ geometry, views }) => partSeen(size, geometry, views)));
  };
  const picture = await decode(bytes, autoOrient, limits, renderings.length > 0 ? seenOf : undefined);
  const decoded = performance.now();
  const { width, height, format } = picture;
  const rendered = (plan ?? planFor(picture)).map(
    ({ geometry, views }): RenderedViews => ({ views, pixels: renderViews(picture, geometry, views) }),
  );
  release(picture.data);
  const preprocessMs = performance.now() - decoded;
  return { width, height, format, renderings: rendered, decodeMs: decoded - started, preprocessMs };
}
