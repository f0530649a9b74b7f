import { sep } from 'node:path';

// Names of files are bytes. Most are UTF-8, but nothing enforces it: archives from other systems, old disks and faulty programs bring
// other names. So a path that was found is kept as bytes, and becomes text only to be shown or written.

const SEPARATOR = Buffer.from(sep);

/** The path of an entry of a folder. An entry of the current folder (`.` or nothing) is called by its name alone. */
export function joinPath(folder: Uint8Array, name: Uint8Array): Buffer {
  if (folder.length === 0 || (folder.length === 1 && folder[0] === 0x2e)) return Buffer.from(name);
  return Buffer.concat(folder.at(-1) === SEPARATOR[0] ? [folder, name] : [folder, SEPARATOR, name]);
}

/** The last part of a path, and the folder before it, which is empty for a name alone. */
export function splitPath(path: Buffer): { folder: Buffer; name: Buffer } {
  const at = path.lastIndexOf(SEPARATOR);
  return { folder: path.subarray(0, at === 0 ? 1 : Math.max(at, 0)), name: path.subarray(at + 1) };
}

/** Well-formed UTF-8 (RFC 3629, section 4), or else one byte, in a string that has a character for each byte. */
const PARTS =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: characters stand for bytes
  /(?:[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})+|[\x80-\xff]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
const UNSAFE = /[\u0000-\u001f\\\u007f-\u009f\u2028\u2029]/g;

/**
 * A path as one line of text that its bytes can be had back from: bytes that are not UTF-8, control characters, line ends and
 * backslashes are written `\xHH`, byte by byte. So is a first character that makes a spreadsheet take a field for a formula (`=`, `+`,
 * `-`, `@`). Separators are `/` on every system.
 */
export function pathText(path: Buffer | string): string {
  const bytes = Buffer.from(path);
  const raw = sep === '\\' ? bytes.toString('latin1').replaceAll('\\', '/') : bytes.toString('latin1');
  return raw
    .replace(PARTS, (part) => {
      const known = Buffer.from(part, 'latin1');
      return part.length === 1 && part > '\x7f' ? escaped(known) : known.toString('utf8').replace(UNSAFE, escaped);
    })
    .replace(/^[=+\-@]/, escaped);
}

function escaped(part: Buffer | string): string {
  return [...Buffer.from(part)].map((byte) => `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}
