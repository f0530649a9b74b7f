import { dirname } from 'node:path';
import type { ClassNames } from './class-names.js';
import { invalidData, type LabelledPicture, pictureFile, readData } from './labelled-picture.js';

/**
 * Reads `file,label` lines, with paths relative to the CSV file. A first line such as `file,label` is a header. Fields may be in
 * double quotes (RFC 4180). Further fields are ignored.
 * @throws MenagerieError `invalid_data` naming the line
 */
export async function openCsv(path: string, names: ClassNames): Promise<LabelledPicture[]> {
  const lines = (await readData(path))
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/);
  const root = dirname(path);
  return lines.flatMap((line, i) => {
    if (line.trim() === '' || (i === 0 && /^"?(file|filename|image|path)"?\s*,/i.test(line))) return [];
    const where = `${path}:${i + 1}`;
    const [file, label] = cellsOf(line);
    if (!file || !label) throw invalidData(`${where}: the line is not "file,label"`);
    return [pictureFile(root, file, names.indexOf(label, where))];
  });
}

function cellsOf(line: string): string[] {
  return [...line.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^,]*?))\s*(?:,|$)/g)].map(
    ([, quoted, bare = '']) => quoted?.replaceAll('""', '"') ?? bare,
  );
}
