import { extname } from 'node:path';
import { MenagerieError } from '../core/errors.js';
import { createRandom } from '../core/random.js';
import { type Dataset, openDataset } from '../datasets/dataset.js';
import { type LabelledPicture, spreadOver } from '../datasets/labelled-picture.js';
import type { LabelCandidate } from './label-candidates.js';

/** A picture and, for each label candidate, the index of its label. */
export interface KnownPicture {
  /** The bytes of the file, which are not kept: a thousand photographs take gigabytes. */
  read(): Promise<Uint8Array>;
  /** Of the file's name: `.jpg`. */
  ending: string;
  truths: readonly number[];
}

/** The pictures, and the candidates that have labels for all of them, each another one for some picture. */
export interface Known {
  candidates: LabelCandidate[];
  pictures: KnownPicture[];
}

/** Number of classes that pictures show. */
export function classesOf(pictures: readonly KnownPicture[]): number {
  return new Set(pictures.map(({ truths }) => truths[0])).size;
}

interface Usable {
  candidate: LabelCandidate;
  pictures: LabelledPicture[];
  form: Dataset['form'];
}

/** The shared labels of data sets that number their classes. */
const LABELS_OF: Partial<Record<Dataset['form'], string>> = { idx: 'digits', cifar: 'cifar10' };

/**
 * Lists labelled pictures with every label candidate that knows their classes.
 * @param data as openDataset takes it
 * @param limit largest number of pictures, spread over all
 * @param read the bytes of a picture's file
 * @throws MenagerieError `invalid_data` if no candidate knows the classes, `io_error`
 */
export async function readKnown(
  data: string,
  candidates: readonly LabelCandidate[],
  limit: number,
  read: (picture: LabelledPicture) => Promise<Uint8Array>,
): Promise<Known> {
  let usable: Usable[] = [];
  let fault: unknown;
  for (const candidate of candidates) {
    try {
      const { pictures, form } = await openDataset(data, candidate.labels);
      usable.push({ candidate, pictures, form });
    } catch (error) {
      if (!(error instanceof MenagerieError && error.code === 'invalid_data')) throw error;
      fault ??= error;
    }
  }
  // These files have indices for labels, so that any labels seem to fit.
  const own = usable.filter(
    ({ candidate, form }) => candidate.shared !== undefined && LABELS_OF[form] === candidate.shared,
  );
  if (own.length > 0) usable = own;
  // Labels of a data set may also be the names of the folders, in the same order.
  usable = usable.filter((each, i) => usable.findIndex((other) => sayTheSame(each, other)) === i);
  const [first] = usable;
  if (!first) throw fault;
  // Every candidate lists the same pictures in the same order.
  const places = [...first.pictures.entries()];
  const pictures: KnownPicture[] = [];
  // Shuffled, so that the first few are of all classes too.
  for (const [place, picture] of shuffled(spreadOver(places, limit))) {
    const truths = usable.map((each) => each.pictures[place]?.label ?? -1);
    pictures.push({ read: () => read(picture), ending: extname(picture.name).toLowerCase() || '.png', truths });
  }
  return { candidates: usable.map(({ candidate }) => candidate), pictures };
}

/** Whether no picture can tell one candidate from the other. */
function sayTheSame({ candidate, pictures }: Usable, other: Usable): boolean {
  return (
    candidate.labels.length === other.candidate.labels.length &&
    candidate.offset === other.candidate.offset &&
    pictures.every(({ label }, i) => label === other.pictures[i]?.label)
  );
}

/** In an order that is random, and always the same. */
function shuffled<T>(things: readonly T[]): T[] {
  const random = createRandom(1);
  const keyed = things.map((thing) => ({ thing, key: random.integer(2 ** 32) }));
  return keyed.sort((a, b) => a.key - b.key).map(({ thing }) => thing);
}
