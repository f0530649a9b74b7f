import stringWidth from 'string-width';

/**
 * A text table with columns two spaces apart. Characters that a terminal shows in two columns, as Chinese ones and emoji, count as two.
 * @param right indices of right-aligned columns
 */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths = rows.reduce<number[]>(
    (max, row) => row.map((cell, i) => Math.max(max[i] ?? 0, stringWidth(cell))),
    [],
  );
  const padded = (cell: string, i: number) => {
    const spaces = ' '.repeat((widths[i] ?? 0) - stringWidth(cell));
    return right.includes(i) ? spaces + cell : cell + spaces;
  };
  return rows.map((row) => `${row.map(padded).join('  ').trimEnd()}\n`).join('');
}

const CHARACTERS = new Intl.Segmenter();

/** Text of at most `width` columns of a terminal: longer text loses its end, or its start if that is said. */
export function shortened(text: string, width: number, cut: 'end' | 'start' = 'end'): string {
  if (stringWidth(text) <= width) return text;
  const characters = [...CHARACTERS.segment(text)].map(({ segment }) => segment);
  if (cut === 'start') characters.reverse();
  const kept: string[] = [];
  for (let left = width - 1; ; ) {
    const next = characters[kept.length] ?? '';
    left -= stringWidth(next);
    if (left < 0 || next === '') break;
    kept.push(next);
  }
  return cut === 'start' ? `…${kept.reverse().join('')}` : `${kept.join('')}…`;
}

/** Text in lines of at most `width` columns where its words allow it. @param indent what more comes before all lines but the first */
export function wrapped(text: string, width: number, indent: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && stringWidth(longer) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line].join(`\n${indent}`);
}

/** A readable size: 244 kB, 97.8 MB. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1000 ** power;
  return `${value >= 100 || power === 0 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/**
 * One field of a CSV row (RFC 4180). Text that a spreadsheet would run as a formula gets an apostrophe before it, which makes it text
 * there (OWASP, "CSV Injection"): names of layers and classes come from files of others.
 */
export function csvField(value: string | number): string {
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]|^[ \t]|[ \t]$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * Text without control characters and line ends, nor those that change the direction, so that a file name cannot control the terminal.
 * Half a character (a lone surrogate) is no text either.
 */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: removes them
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\p{Surrogate}]/gu, '?');
}

/** A readable number: 4.09 G, 25.6 M. */
export function formatCount(count: number): string {
  const units = ['', ' k', ' M', ' G', ' T'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3));
  const value = count / 1000 ** power;
  return `${power === 0 ? value : value.toPrecision(3)}${units[power]}`;
}
