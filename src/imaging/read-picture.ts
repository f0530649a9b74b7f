import { type Size, union } from '../core/pixels/geometry.js';
import { release } from '../core/pixels/release.js';
import { partSeen, renderViews } from '../core/views/render.js';
import { type Rendering, viewsOf } from '../core/views/test-time.js';
import type { View } from '../core/views/views.js';
import { decode } from './decode.js';
import type { Format } from './formats/sniff.js';
import type { DecodeLimits } from './open-file.js';

/** A picture, decoded and rendered. */
export interface ReadPicture {
  /** Pixels. */
  width: number;
  /** Pixels. */
  height: number;
  format: Format;
  /** One entry per rendering, in order. */
  renderings: RenderedViews[];
  decodeMs: number;
  /** Resizing and cropping. */
  preprocessMs: number;
}

/** The views of a rendering, and their pixels in the layout of `renderViews`. */
export interface RenderedViews {
  views: View[];
  pixels: Uint8Array<ArrayBuffer>;
}

/**
 * Decodes a picture and renders all views of it. The decoded picture is much larger than its views and never leaves the thread.
 * @throws MenagerieError as `decode`; `invalid_request` if the view options do not suit a geometry
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
