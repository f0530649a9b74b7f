import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { MenagerieError } from '../core/errors.js';
import { ClassNames } from '../datasets/class-names.js';
import { classFolders } from '../datasets/dataset.js';
import { type Label, named, readLabels } from '../zoo/labels.js';
import type { WordNet } from '../zoo/wordnet.js';

/** Labels that a network may have, in an order that its scores may have. */
export interface LabelCandidate {
  /** For tables: where they come from. */
  name: string;
  labels: readonly Label[];
  /** The shared label file, as manifests name it; undefined for labels that a new model must bring along. */
  shared: string | undefined;
  /** Scores before the first label. */
  offset: number;
}

/** Whether the labels are the ten digits, so that pictures may be of handwriting. */
export function areDigits({ shared }: LabelCandidate): boolean {
  return shared === 'digits';
}

/** Orders in which tools number folders of classes. */
const ORDERS: readonly { name: string; compare: (a: string, b: string) => number }[] = [
  // torchvision's ImageFolder, Keras
  { name: 'folders by code', compare: (a, b) => (a < b ? -1 : 1) },
  { name: 'folders by number', compare: new Intl.Collator('en', { numeric: true }).compare },
  { name: 'folders, case ignored', compare: (a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1) },
];

/**
 * The labels that fit the number of scores: those of the file; else the shared ones and the names of the folders of the data.
 * @param scores that the network gives; undefined: unknown
 * @param directory the built-in models, whose label files models share
 * @throws MenagerieError `invalid_labels` for a file that does not fit, `file_missing`, `io_error`
 */
export async function labelCandidates(
  scores: number | undefined,
  { labels: file, data }: { labels?: string | undefined; data?: string | undefined },
  directory: string,
): Promise<LabelCandidate[]> {
  const fits = (count: number) => scores === undefined || offsetOf(scores, count) !== undefined;
  const candidate = (name: string, labels: readonly Label[], shared?: string): LabelCandidate => ({
    name,
    labels,
    shared,
    offset: offsetOf(scores ?? labels.length, labels.length) ?? 0,
  });
  if (file !== undefined) {
    const labels = await readLabels(file, ['/'], noWordNet);
    if (fits(labels.length)) return [candidate(basename(file), labels)];
    throw new MenagerieError(
      'invalid_labels',
      `${file} has ${labels.length} labels; the network gives ${scores} scores.`,
    );
  }
  const found: LabelCandidate[] = [];
  for (const entry of (await readdir(join(directory, 'labels'))).filter((name) => name.endsWith('.txt')).sort()) {
    const labels = await readLabels(join(directory, 'labels', entry), [directory], noWordNet);
    const shared = entry.replace(/\.txt$/, '');
    if (fits(labels.length)) found.push(candidate(shared, labels, shared));
  }
  const folders = data === undefined ? [] : await classFolders(data).catch(() => []);
  // Labels that name the folders go before those for which the folders' names could be indices.
  const namesFolders = ({ labels }: LabelCandidate) => {
    const names = new ClassNames(labels);
    return folders.every((folder) => names.hasName(folder));
  };
  const ofFolders = folders.length >= 2 && fits(folders.length) ? ORDERS : [];
  const orders = ofFolders.map(({ name, compare }) => ({ name, names: folders.toSorted(compare) }));
  for (const [i, { name, names }] of orders.entries()) {
    if (orders.findIndex((other) => other.names.join('\n') === names.join('\n')) < i) continue;
    found.push(candidate(name, named(names.map((folder) => ({ name: folder })))));
  }
  return found.toSorted((a, b) => Number(namesFolders(b)) - Number(namesFolders(a)));
}

/** Only names matter here, not what they are kinds of. */
async function noWordNet(): Promise<WordNet> {
  return new Map();
}

/** Scores before those of the labels; undefined if so many scores are not for so many labels. */
function offsetOf(scores: number, labels: number): number | undefined {
  if (scores === labels || (scores === 1 && labels === 2)) return 0;
  // A class for the background, as in TensorFlow's networks.
  return scores === labels + 1 ? 1 : undefined;
}
