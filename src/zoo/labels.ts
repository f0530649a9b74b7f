import { MenagerieError } from '../core/errors.js';
import { readSmallText } from './files.js';
import { type Synset, WNID, type WordNet } from './wordnet.js';

/** What a class, or a group of classes, is called. */
export interface LabelNames {
  /** All names, separated by commas. */
  name: string;
  /** One name, which no other class of the model has, whatever the case. */
  shortName: string;
}

/** One class of a data set. */
export interface Label extends LabelNames {
  /** WordNet id, such as `n01440764`. Unlike names, ids are unique. */
  wnid?: string;
  /** Its place in WordNet's tree, if that is known. */
  synset?: Synset;
}

const MAX_LABEL_FILE_BYTES = 4 * 1024 * 1024;

/**
 * Reads class names, one per line in index order: `name`, or `wnid<TAB>name`. A name may be several, separated by commas.
 * @param inside the folders that the file may lie in after links are followed
 * @param wordnet reads WordNet's tree, if there are ids to look up
 * @throws MenagerieError `invalid_labels` naming the file and the line, `file_missing`, `io_error`
 */
export async function readLabels(
  file: string,
  inside: readonly string[],
  wordnet: () => Promise<WordNet>,
): Promise<readonly Label[]> {
  const text = await readSmallText(file, { limit: MAX_LABEL_FILE_BYTES, faulty: 'invalid_labels', inside });
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  if (lines.length === 0) throw new MenagerieError('invalid_labels', `${file}: holds no labels`);
  const classes = lines.map((line, i) => {
    const where = `${file}:${i + 1}`;
    const fields = line.split('\t').map((field) => field.trim());
    const [first = '', second] = fields;
    const name = second ?? first;
    if (fields.length > 2) throw new MenagerieError('invalid_labels', `${where}: more than one tab`);
    if (name === '') throw new MenagerieError('invalid_labels', `${where}: no name`);
    if (second === undefined) return { name };
    if (!WNID.test(first)) {
      throw new MenagerieError(
        'invalid_labels',
        `${where}: the text before the tab is not a WordNet id (n and 8 digits)`,
      );
    }
    return { name, wnid: first };
  });
  const synsets: WordNet = classes.some(({ wnid }) => wnid !== undefined) ? await wordnet() : new Map();
  return named(
    classes.map((each) => {
      const synset = each.wnid === undefined ? undefined : synsets.get(each.wnid);
      return synset ? { ...each, synset } : each;
    }),
  );
}

/** The names that a name consists of, the commonest first. */
export function namesIn(name: string): string[] {
  const names = name.split(',').map((part) => part.trim());
  return names.filter((part) => part !== '');
}

/**
 * Adds the short names: the first name of each class. Classes that share it also get the first name of what WordNet says they are
 * kinds of, as in `crane (wading bird)`, or else keep all names; if even these are shared, the index.
 */
export function named(classes: readonly Omit<Label, 'shortName'>[]): Label[] {
  const first = ({ name }: { name: string }) => namesIn(name)[0] ?? name;
  const short = classes.map(first);
  const replaceShared = (another: (label: Omit<Label, 'shortName'>, index: number) => string) => {
    const count = new Map<string, number>();
    for (const name of short) count.set(name.toLowerCase(), (count.get(name.toLowerCase()) ?? 0) + 1);
    classes.forEach((label, i) => {
      if ((count.get((short[i] ?? '').toLowerCase()) ?? 0) > 1) short[i] = another(label, i);
    });
  };
  replaceShared((label) => {
    const [parent] = label.synset?.parents ?? [];
    return parent ? `${first(label)} (${first(parent)})` : label.name;
  });
  replaceShared((label, i) => `${first(label)} (class ${i})`);
  return classes.map((label, i) => ({ ...label, shortName: short[i] ?? label.name }));
}
