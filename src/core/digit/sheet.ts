import { missing } from '../at.js';
import { COARSE, type Coarse, LEAST_LIGHT } from './background.js';
import { histogramOf, otsu } from './histogram.js';
import { countFrom, findMarks, type Ink, LEAST_CONTRAST } from './marks.js';
import type { Bounds, Plane } from './plane.js';
import { resize } from './resize.js';

/** Marks wider than this share of the longer side are no sheet of paper. */
const SHEET_WINDOW = 1 / 2;
/** The least share of the picture in the box around a sheet, and of that box in the sheet. */
const LEAST_AREA = 1 / 8;
const LEAST_FILLED = 0.7;

/**
 * The inside of a sheet of paper, for example on a table, if a picture shows one: the sheet contrasts more than the writing on
 * it. It is looked for on the coarse grid.
 */
export function findSheet(grey: Plane, coarse: Coarse): Plane | undefined {
  if (Math.max(grey.width, grey.height) < COARSE || !hasRoomForSheet(coarse)) return undefined;
  const found = findMarks(coarse.plane, coarse, SHEET_WINDOW);
  if (!found || !isSheet(found)) return undefined;
  const { x0, y0, x1, y1 } = extended(found.box, coarse);
  const [across, down] = [Math.ceil((x1 - x0) / 20), Math.ceil((y1 - y0) / 20)];
  const { factor } = coarse;
  const inside = {
    x0: (x0 + across) * factor,
    y0: (y0 + down) * factor,
    x1: Math.min(grey.width, (x1 - across) * factor),
    y1: Math.min(grey.height, (y1 - down) * factor),
  };
  return resize(grey, inside, inside.x1 - inside.x0, inside.y1 - inside.y0);
}

/**
 * Whether so many cells stand out from the faintest one that a sheet may be among them. This costs little, and drawings on clean
 * paper need not be searched: no background is fainter, and a sheet has half of the least contrast or more.
 */
function hasRoomForSheet({ signed: { data }, lightOnDark }: Coarse): boolean {
  let faintest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < data.length; i++) faintest = Math.min(faintest, data[i] ?? missing(i));
  const gain = lightOnDark ? 1 : 255 / Math.max(LEAST_LIGHT, -faintest);
  return countFrom(data, faintest + LEAST_CONTRAST / 2 / gain) > LEAST_FILLED * LEAST_AREA * data.length;
}

/** Whether the marks fill their box as a sheet or a screen does, and no digit. */
function isSheet({ plane: { data, width, height }, box }: Ink): boolean {
  const [across, down] = [box.x1 - box.x0, box.y1 - box.y0];
  if (Math.min(across, down) < 0.4 * Math.max(across, down) || across * down < width * height * LEAST_AREA)
    return false;
  return shareOf(box, width, (i) => (data[i] ?? missing(i)) >= 128) > LEAST_FILLED;
}

/**
 * A box that reaches as far as its sheet. Towards an edge of the picture where no table is seen, the background is the sheet
 * itself, and the marks end too early.
 */
function extended(box: Bounds, { plane: { data, width, height }, lightOnDark }: Coarse): Bounds {
  const limit = otsu(histogramOf(data));
  const isPaper = (i: number) => (data[i] ?? missing(i)) > limit === lightOnDark;
  const onSheet = (line: Bounds) => shareOf(line, width, isPaper) > LEAST_FILLED;
  let { x0, y0, x1, y1 } = box;
  while (x0 > 0 && onSheet({ x0: x0 - 1, y0, x1: x0, y1 })) x0--;
  while (x1 < width && onSheet({ x0: x1, y0, x1: x1 + 1, y1 })) x1++;
  while (y0 > 0 && onSheet({ x0, y0: y0 - 1, x1, y1: y0 })) y0--;
  while (y1 < height && onSheet({ x0, y0: y1, x1, y1: y1 + 1 })) y1++;
  return { x0, y0, x1, y1 };
}

/** The share of the pixels of a box, in a plane of this width, that are of a kind. */
function shareOf({ x0, y0, x1, y1 }: Bounds, width: number, isOfKind: (i: number) => boolean): number {
  let count = 0;
  for (let y = y0; y < y1; y++) {
    for (let x = x0; x < x1; x++) if (isOfKind(y * width + x)) count++;
  }
  return count / ((x1 - x0) * (y1 - y0));
}
