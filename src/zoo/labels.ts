import { MenagerieError } from '../core/errors.js';
import { readSmallText } from './files.js';

/** One class of a data set. */
export interface Label {
  name: string;
  /** WordNet id, such as `n01440764`. Unlike names, ids are unique. */
  wnid?: string;
}

const MAX_LABEL_FILE_BYTES = 4 * 1024 * 1024;
const WNID = /^n\d{8}$/;

/**
 * Reads class names, one per line in index order: `name`, or `wnid<TAB>name`.
 * @param inside the folders that the file may lie in after links are followed
 * @throws MenagerieError `invalid_labels` naming the file and the line, `file_missing`, `io_error`
 */
export async function readLabels(file: string, inside: readonly string[]): Promise<readonly Label[]> {
  const text = await readSmallText(file, { limit: MAX_LABEL_FILE_BYTES, faulty: 'invalid_labels', inside });
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  if (lines.length === 0) throw new MenagerieError('invalid_labels', `${file}: holds no labels`);
  return lines.map((line, i) => {
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
}
