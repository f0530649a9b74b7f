import { MenagerieError } from '../errors.js';
import type { Crops } from '../manifest/crops.js';
import { colourShift, randomCorner } from '../pixels/augment.js';
import { resizedSize, type Size } from '../pixels/geometry.js';
import { randomWarp } from '../pixels/local-warp.js';
import { createRandom, type Random } from '../random.js';
import { cropViews, type Geometry, merged, plainView, type View } from './views.js';

/** Test-time augmentation: the views besides the plain crops. 0 and false add none. */
export interface TestTimeAugmentation {
  /** Add the mirror image of every view. */
  mirror: boolean;
  /** Number of additional crops at random positions. */
  crops: number;
  /** Add every view rotated by a random angle of at most this many degrees in either direction. */
  rotate: number;
  /** Add every view sheared by a random angle of at most this many degrees in either direction. */
  shear: number;
  /** Add every view with AlexNet's PCA colour shift of this standard deviation, 0.1 in the paper. */
  colour: number;
  /** Add every view deformed in places, by movements of this standard deviation in percent of its side. */
  warp: number;
}

/** Determines the views of a picture. */
export interface ViewOptions {
  crops: Crops;
  augmentation: TestTimeAugmentation;
  /** The same seed gives the same random views. */
  seed: number;
  /** Whether there is just one view, drawn at random, as for training: with every augmentation at once, each of a random strength. */
  drawn?: boolean | undefined;
}

const NONE: TestTimeAugmentation = { mirror: false, crops: 0, rotate: 0, shear: 0, colour: 0, warp: 0 };

/** The views of a picture to render for networks of one geometry. */
export interface Rendering {
  geometry: Geometry;
  viewOptions: ViewOptions;
}

/** The centre crop alone, with which published accuracies are measured. */
export const PLAIN_VIEW_OPTIONS: ViewOptions = { crops: 1, augmentation: NONE, seed: 0 };

/** The options that take an amount. */
const AMOUNTS = {
  crops: { maximum: 100, whole: true },
  rotate: { maximum: 180, whole: false },
  shear: { maximum: 45, whole: false },
  colour: { maximum: 2, whole: false },
  warp: { maximum: 20, whole: false },
} as const;
type Amount = keyof typeof AMOUNTS;

/** Most views of one picture: more would take a large network many minutes. */
const MAX_VIEWS = 512;

/**
 * Parses a list such as `mirror,crops:4,rotate:10,shear:5,colour:0.1`, with any of these options in any order.
 * @throws MenagerieError `invalid_request` naming the invalid option
 */
export function parseAugmentation(text: string | undefined): TestTimeAugmentation {
  const parsed = { ...NONE };
  if (text === undefined || text === '') return parsed;
  for (const part of text.split(',')) {
    const [name = '', ...rest] = part.split(':');
    const amount = rest.length === 0 ? undefined : rest.join(':');
    if (name === 'mirror' && amount === undefined && !parsed.mirror) parsed.mirror = true;
    else if (isAmount(name) && parsed[name] === 0) parsed[name] = parseAmount(name, amount);
    else throw invalid(`"${part}" is unknown or given twice`);
  }
  return parsed;
}

function isAmount(name: string): name is Amount {
  return Object.hasOwn(AMOUNTS, name);
}

function parseAmount(name: Amount, text = ''): number {
  const { maximum, whole } = AMOUNTS[name];
  const value = (whole ? /^\d{1,3}$/ : /^\d{1,3}(\.\d{1,6})?$/).test(text) ? Number(text) : 0;
  if (value > 0 && value <= maximum) return value;
  throw invalid(`"${name}" takes ${whole ? 'a whole number' : 'a number'} up to ${maximum}, as in ${name}:${maximum}`);
}

function invalid(what: string): MenagerieError {
  const known = 'mirror, crops:<number>, rotate:<degrees>, shear:<degrees>, colour:<deviation>, warp:<percent>';
  return new MenagerieError('invalid_request', `tta: ${what}; the options are ${known}.`);
}

/**
 * The most views that a picture can have. It can have fewer, because equal views are merged.
 * @throws MenagerieError `invalid_request` if there are more than 512
 */
export function countViews({
  crops,
  augmentation: { mirror, crops: random, rotate, shear, colour, warp },
  drawn,
}: ViewOptions): number {
  if (drawn) return 1;
  const distortions = [rotate, shear, colour, warp].filter((amount) => amount > 0).length;
  // 10 and 144 crops already include mirrored views; how many of them are equal depends on the picture.
  const count = (crops + random) * (1 + distortions) * (mirror ? 2 : 1);
  if (count <= MAX_VIEWS) return count;
  throw new MenagerieError('invalid_request', `That makes ${count} views of a picture; the limit is ${MAX_VIEWS}.`);
}

/**
 * Checks that a resize mode supports the view options.
 * @throws MenagerieError `invalid_request` if it does not
 */
export function assertViewOptions(
  { mode }: Geometry['resize'],
  { crops, augmentation }: Omit<ViewOptions, 'seed'>,
): void {
  if (mode === 'shorter_side') return;
  if (crops > 1 || augmentation.crops > 0) {
    const why = mode === 'exact' ? 'sees the whole picture' : 'looks for one digit';
    throw new MenagerieError('invalid_request', `A network that ${why} cannot use several crops: use crops=1.`);
  }
  if (mode === 'digit' && Object.values(augmentation).some(Boolean)) {
    throw new MenagerieError('invalid_request', 'A network that looks for one digit cannot use tta.');
  }
}

/**
 * The views of a picture: its crops, and random crops; each of these also with every distortion; and all of these also mirrored.
 * Equal views are merged, with their number as `count`.
 * @throws MenagerieError `invalid_request` if the resize mode does not support the options
 */
export function viewsOf(source: Size, geometry: Geometry, options: ViewOptions): View[] {
  const { crops, augmentation, seed, drawn } = options;
  const { input, resize } = geometry;
  assertViewOptions(resize, { crops, augmentation });
  const random = createRandom(seed);
  if (drawn) return [drawnView(source, geometry, augmentation, random)];
  const views = cropViews(source, geometry, crops);
  if (resize.mode === 'digit') return views;
  if (augmentation.crops > 0) {
    const resized = resizedSize(source, resize, input);
    for (let i = 0; i < augmentation.crops; i++) {
      views.push(plainView(randomCorner(random, resized, input), input, resized));
    }
  }
  const all = [...views, ...distorted(views, augmentation, random)];
  if (augmentation.mirror) all.push(...all.map((view) => ({ ...view, mirrored: !view.mirrored })));
  return merged(all);
}

/**
 * One view of random crop, mirroring and distortion, as networks see pictures while they learn. With `crops` the crop is anywhere in the
 * resized picture and its padding, else in the centre.
 */
function drawnView(source: Size, geometry: Geometry, augmentation: TestTimeAugmentation, random: Random): View {
  const { input, resize } = geometry;
  const { mirror, crops, rotate, shear, colour, warp } = augmentation;
  const [centre] = cropViews(source, geometry, 1);
  if (!centre || resize.mode === 'digit') return { window: undefined, mirrored: false, count: 1 };
  let view = centre;
  if (crops > 0 && resize.mode === 'shorter_side') {
    const resized = resizedSize(source, resize, input);
    const { padding = 0 } = resize;
    const padded = { width: resized.width + 2 * padding, height: resized.height + 2 * padding };
    const corner = randomCorner(random, padded, input);
    view = plainView({ x: corner.x - padding, y: corner.y - padding }, input, resized);
  }
  const distortion = { rotate: random.uniform(-rotate, rotate), shear: random.uniform(-shear, shear) };
  return {
    ...view,
    mirrored: mirror && random.integer(2) === 1,
    ...((rotate > 0 || shear > 0) && { distortion }),
    ...(warp > 0 && { localWarp: randomWarp(random, random.uniform(0, warp) / 100) }),
    ...(colour > 0 && { colourShift: colourShift(random, colour) }),
  };
}

function distorted(views: readonly View[], options: TestTimeAugmentation, random: Random): View[] {
  const { rotate, shear, colour, warp } = options;
  const kinds: ((view: View) => View)[] = [];
  if (rotate > 0) {
    kinds.push((view) => ({ ...view, distortion: { rotate: random.uniform(-rotate, rotate), shear: 0 } }));
  }
  if (shear > 0) kinds.push((view) => ({ ...view, distortion: { rotate: 0, shear: random.uniform(-shear, shear) } }));
  if (colour > 0) kinds.push((view) => ({ ...view, colourShift: colourShift(random, colour) }));
  if (warp > 0) kinds.push((view) => ({ ...view, localWarp: randomWarp(random, warp / 100) }));
  return kinds.flatMap((distort) => views.map(distort));
}
