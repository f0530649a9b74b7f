import { dirname } from 'node:path';
import { toUtf8 } from '../system/text/text.js';
import type { ClassNames } from './class-names.js';
import { invalidData, type LabelledPicture, pictureFile, readData } from './labelled-picture.js';

/**
 * Reads `file,label` lines, with paths relative to the CSV file. A first line such as `file,label` is a header. Fields may be in
 * double quotes (RFC 4180). Further fields are ignored.
 * Text is UTF-8, or UTF-16 with a byte order mark, as PowerShell writes it.
 * @throws MenagerieError `invalid_data` naming the line
 */
export async function openCsv(path: string, names: ClassNames): Promise<LabelledPicture[]> {
  // A character for each byte: names of files need not be UTF-8.
  const lines = toUtf8(await readData(path))
    .toString('latin1')
    .split(/\r?\n/);
  const root = dirname(path);
  return lines.flatMap((line, i) => {
    if (line.trim() === '' || (i === 0 && /^"?(file|filename|image|path)"?\s*,/i.test(line))) return [];
    const where = `${path}:${i + 1}`;
    const [file, label] = csvCells(line);
    if (!file || !label) throw invalidData(`${where}: the line is not "file,label"`);
    const named = Buffer.from(label, 'latin1').toString('utf8');
    return [pictureFile(root, Buffer.from(file, 'latin1'), names.indexOf(named, where))];
  });
}

/** The fields of a line of CSV without line ends in fields (RFC 4180). Blanks around fields do not count. */
export function csvCells(line: string): string[] {
  // Not \s: where a character is a byte, parts of letters would count as blanks.
  return [...line.matchAll(/[ \t]*(?:"((?:[^"]|"")*)"|([^,]*?))[ \t]*(?:,|$)/g)].map(
    ([, quoted, bare = '']) => quoted?.replaceAll('""', '"') ?? bare,
  );
}
