/** Text that cannot end a cell of a Markdown table. @param {unknown} text */
const cell = (text) => String(text).replaceAll('|', '\\|').replaceAll('\n', ' ');

const LINE = 135;

/** A paragraph, wrapped. Code is kept on one line. @param {string} text */
export function paragraph(text) {
  const lines = [''];
  for (const word of text.match(/(?:`[^`]*`|\S)+/g) ?? []) {
    const last = lines.at(-1) ?? '';
    if (last !== '' && last.length + 1 + word.length > LINE) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return `${lines.join('\n')}\n`;
}

/** A Markdown table. @param {string[]} header @param {unknown[][]} rows */
export const table = (header, rows) =>
  [header, header.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |\n`).join('');
