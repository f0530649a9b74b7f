import { MenagerieError } from '../errors.js';
import type { Crops } from '../manifest/crops.js';
import { colourShift, randomCorner } from '../pixels/augment.js';
import { resizedSize, type Size } from '../pixels/geometry.js';
import { createRandom, type Random } from '../random.js';
import { cropViews, type Geometry, merged, plainView, type View } from './views.js';

/** Test-time augmentation: what is shown besides the crops. 0 and false are nothing. */
export interface TestTimeAugmentation {
  /** Every view also mirrored. */
  mirror: boolean;
  /** So many crops at random places besides. */
  crops: number;
  /** Every view also turned by a random angle, at most so many degrees either way. */
  rotate: number;
  /** Every view also sheared by a random angle, at most so many degrees either way. */
  shear: number;
  /** Every view also with other colours: the deviation of AlexNet's PCA shift, 0.1 in the paper. */
  colour: number;
}

/** Which views of a picture a network sees. */
export interface ViewOptions {
  crops: Crops;
  augmentation: TestTimeAugmentation;
  /** Of whatever is random: the same seed gives the same views. */
  seed: number;
}

const NONE: TestTimeAugmentation = { mirror: false, crops: 0, rotate: 0, shear: 0, colour: 0 };

/** What networks of one geometry are to see of a picture. */
export interface Rendering {
  geometry: Geometry;
  viewOptions: ViewOptions;
}

/** The centre crop alone, as a network was measured with. */
export const PLAIN_VIEW_OPTIONS: ViewOptions = { crops: 1, augmentation: NONE, seed: 0 };

/** The amounts that may be asked for. */
const AMOUNTS = {
  crops: { maximum: 100, whole: true },
  rotate: { maximum: 180, whole: false },
  shear: { maximum: 45, whole: false },
  colour: { maximum: 2, whole: false },
} as const;
type Amount = keyof typeof AMOUNTS;

/** Views of one picture; more would be many minutes of a large network. */
const MAX_VIEWS = 512;

/**
 * Reads `mirror,crops:4,rotate:10,shear:5,colour:0.1`: any of them, in any order.
 * @throws MenagerieError `invalid_request` naming the part that is wrong
 */
export function parseAugmentation(text: string | undefined): TestTimeAugmentation {
  const parsed = { ...NONE };
  if (text === undefined || text === '') return parsed;
  for (const part of text.split(',')) {
    const [name = '', ...rest] = part.split(':');
    const amount = rest.length === 0 ? undefined : rest.join(':');
    if (name === 'mirror' && amount === undefined && !parsed.mirror) parsed.mirror = true;
    else if (Object.hasOwn(AMOUNTS, name) && parsed[name as Amount] === 0) {
      parsed[name as Amount] = parseAmount(name as Amount, amount);
    } else throw invalid(`"${part}" is unknown or stands there twice`);
  }
  return parsed;
}

function parseAmount(name: Amount, text = ''): number {
  const { maximum, whole } = AMOUNTS[name];
  const value = (whole ? /^\d{1,3}$/ : /^\d{1,3}(\.\d{1,6})?$/).test(text) ? Number(text) : 0;
  if (value > 0 && value <= maximum) return value;
  throw invalid(`"${name}" takes ${whole ? 'a whole number' : 'a number'} up to ${maximum}, as in ${name}:${maximum}`);
}

function invalid(what: string): MenagerieError {
  const known = 'mirror, crops:<number>, rotate:<degrees>, shear:<degrees>, colour:<deviation>';
  return new MenagerieError('invalid_request', `tta: ${what}; there are ${known}.`);
}

/**
 * How many views a picture is shown in at most; equal ones are computed once, which depends on the picture.
 * @throws MenagerieError `invalid_request` for more than 512
 */
export function countViews({
  crops,
  augmentation: { mirror, crops: random, rotate, shear, colour },
}: ViewOptions): number {
  const distortions = [rotate, shear, colour].filter((amount) => amount > 0).length;
  // The mirrored views of 10 and 144 crops are there already; whether all of them are depends on the picture.
  const count = (crops + random) * (1 + distortions) * (mirror ? 2 : 1);
  if (count <= MAX_VIEWS) return count;
  throw new MenagerieError('invalid_request', `That makes ${count} views of a picture; the limit is ${MAX_VIEWS}.`);
}

/**
 * Checks that pictures can be looked at in this way by a network that resizes them so.
 * @throws MenagerieError `invalid_request`
 */
export function assertViewOptions(
  { mode }: Geometry['resize'],
  { crops, augmentation }: Omit<ViewOptions, 'seed'>,
): void {
  if (mode === 'shorter_side') return;
  if (crops > 1 || augmentation.crops > 0) {
    const why = mode === 'exact' ? 'sees the whole picture, squeezed' : 'looks for one digit';
    throw new MenagerieError('invalid_request', `Several crops make no sense for a network that ${why}: use crops=1.`);
  }
  if (mode === 'digit' && Object.values(augmentation).some(Boolean)) {
    throw new MenagerieError('invalid_request', 'tta makes no sense for a network that looks for a digit.');
  }
}

/**
 * The views of a picture: its crops and the random ones; each of these once more for every distortion; all of that once more
 * mirrored. Equal views stand there once, with their number as count.
 * @throws MenagerieError `invalid_request` where the geometry does not allow it
 */
export function viewsOf(source: Size, geometry: Geometry, { crops, augmentation, seed }: ViewOptions): View[] {
  const { input, resize } = geometry;
  assertViewOptions(resize, { crops, augmentation });
  const random = createRandom(seed);
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

function distorted(views: readonly View[], { rotate, shear, colour }: TestTimeAugmentation, random: Random): View[] {
  const kinds: ((view: View) => View)[] = [];
  if (rotate > 0) {
    kinds.push((view) => ({ ...view, distortion: { rotate: random.uniform(-rotate, rotate), shear: 0 } }));
  }
  if (shear > 0) kinds.push((view) => ({ ...view, distortion: { rotate: 0, shear: random.uniform(-shear, shear) } }));
  if (colour > 0) kinds.push((view) => ({ ...view, colourShift: colourShift(random, colour) }));
  return kinds.flatMap((distort) => views.map(distort));
}
