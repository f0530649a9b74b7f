import { MenagerieError } from '../core/errors.js';
import type { GroupLevel } from '../core/scores/grouping.js';
import { readSmallText } from './files.js';

// The part of WordNet's tree above the classes of ImageNet, with the groups that scores can be summed over. The file is written by
// scripts/labels/make-wordnet.mjs.

/** A set of synonyms of WordNet. */
export interface Synset {
  wnid: string;
  /** All its names, separated by commas, the commonest first. */
  name: string;
  /** What it is a kind of, most often one; the root has none. */
  parents: readonly Synset[];
  /** The groups that it stands for. */
  marks: Partial<Record<GroupLevel, string>>;
}

/** Synsets by WordNet id. */
export type WordNet = ReadonlyMap<string, Synset>;

export const WORDNET_FILE = 'wordnet.tsv';
/** WordNet id, as in `n01440764`. */
export const WNID = /^n\d{8}$/;
const MAX_WORDNET_BYTES = 4 * 1024 * 1024;

/**
 * Reads the tree: lines of WordNet id, ids of the parents, basic group, broad group and names, separated by tabs; and remarks, which
 * begin with #. A parent stands above its children, so that there is no circle.
 * @param inside the folders that the file may lie in after links are followed
 * @returns an empty tree if there is no file
 * @throws MenagerieError `invalid_labels` naming the file and the line, `io_error`
 */
export async function readWordNet(file: string, inside: readonly string[]): Promise<WordNet> {
  const synsets = new Map<string, Synset>();
  const rules = { limit: MAX_WORDNET_BYTES, faulty: 'invalid_labels', inside } as const;
  const text = await readSmallText(file, rules).catch((error: unknown) => {
    if (error instanceof MenagerieError && error.code === 'file_missing') return '';
    throw error;
  });
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line === '' || line.startsWith('#')) continue;
    const fault = (what: string) => new MenagerieError('invalid_labels', `${file}:${i + 1}: ${what}`);
    const fields = line.split('\t');
    const [wnid = '', parentIds = '', basic = '', broad = '', name = ''] = fields;
    if (fields.length !== 5) throw fault(`has ${fields.length} fields, not 5`);
    if (!WNID.test(wnid)) throw fault('does not begin with a WordNet id (n and 8 digits)');
    if (synsets.has(wnid)) throw fault(`${wnid} is there already`);
    if (name === '') throw fault('no name');
    const parents = (parentIds === '' ? [] : parentIds.split(',')).map((id) => {
      const parent = synsets.get(id);
      if (!parent) throw fault(`no line above has the parent ${id}`);
      return parent;
    });
    const marks = { ...(basic === '' ? {} : { basic }), ...(broad === '' ? {} : { broad }) };
    synsets.set(wnid, { wnid, name, parents, marks });
  }
  return synsets;
}

/** A synset and all that it is a kind of, nearest first; of equally near ones in WordNet's order. */
export function lineageOf(synset: Synset): Synset[] {
  const lineage = new Set([synset]);
  // A set hands out what is added while it is read.
  for (const { parents } of lineage) for (const parent of parents) lineage.add(parent);
  return [...lineage];
}

/**
 * The group of a synset at each level: the nearest one that it or its lineage stands for; undefined if there is none. The broad group
 * is that of the basic one, so that the classes of a basic group are together at both levels.
 */
export function groupsOf(synset: Synset): Record<GroupLevel, string | undefined> {
  const basic = lineageOf(synset).find(({ marks }) => marks.basic !== undefined);
  const broad = lineageOf(basic ?? synset).find(({ marks }) => marks.broad !== undefined);
  return { basic: basic?.marks.basic, broad: broad?.marks.broad };
}
