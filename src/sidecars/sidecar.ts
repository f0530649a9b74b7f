import { lstat } from 'node:fs/promises';
import { MenagerieError } from '../core/errors.js';
import { ioError, systemCode } from '../system/errors.js';
import { joinPath, pathText, splitPath } from '../system/paths.js';
import { RefusedFile, readRegular } from '../system/regular-file.js';
import { writeWhole } from '../system/whole-file.js';
import { RefusedXmp, withKeywords } from './keywords-in-xmp.js';
import type { SidecarNames } from './sidecar-names.js';

/** Largest sidecar that is changed. Those with the masks of many edits have a few hundred kilobytes. */
const MAX_BYTES = 4 << 20;

/** The sidecar of a picture. */
function sidecarOf(picture: Buffer, names: SidecarNames): Buffer {
  const { folder, name } = splitPath(picture);
  const dot = name.lastIndexOf('.');
  const stem = names === 'stem' && dot > 0 ? name.subarray(0, dot) : name;
  const sidecar = Buffer.concat([stem, Buffer.from('.xmp')]);
  return folder.length === 0 ? sidecar : joinPath(folder, sidecar);
}

/**
 * Writes keywords into the sidecar of a picture. The file is replaced as a whole, or left alone if it would say the same.
 * @param model the networks that gave the keywords
 * @throws MenagerieError `invalid_sidecar` if the sidecar that is there cannot be changed safely; `io_error`
 */
export async function writeKeywords(
  picture: Buffer,
  names: SidecarNames,
  keywords: readonly string[],
  model: string,
): Promise<void> {
  const path = sidecarOf(picture, names);
  const { mark, text } = await read(path);
  let changed: string | undefined;
  try {
    changed = withKeywords(text, { keywords, model, picture: pathText(splitPath(picture).name) });
  } catch (error) {
    throw refused(path, error instanceof RefusedXmp ? error.message : 'it cannot be read as XMP', error);
  }
  if (changed !== undefined) await writeWhole(path, (handle) => handle.writeFile(`${mark}${changed}`));
}

const MARK = '\uFEFF';

/** The text of a sidecar, undefined if there is none, and the byte order mark before it, if there is one. */
async function read(path: Buffer): Promise<{ mark: string; text: string | undefined }> {
  let bytes: Buffer;
  try {
    // Renaming a file over a link would replace the link.
    if ((await lstat(path)).isSymbolicLink()) throw new RefusedFile('it is a link');
    bytes = await readRegular(path, MAX_BYTES, 'invalid_sidecar');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { mark: '', text: undefined };
    throw error instanceof MenagerieError ? error : ioError(`cannot read ${pathText(path)}`, error);
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw refused(path, 'it is not UTF-8', error);
  }
  const encoding = /^\uFEFF?<\?xml[^>]*\bencoding\s*=\s*["']([^"']*)/.exec(text)?.[1] ?? 'utf-8';
  if (encoding.toLowerCase() !== 'utf-8') throw refused(path, `it claims to be ${encoding}`, undefined);
  return text.startsWith(MARK) ? { mark: MARK, text: text.slice(1) } : { mark: '', text };
}

function refused(path: Buffer, why: string, cause: unknown): MenagerieError {
  return new MenagerieError('invalid_sidecar', `${pathText(path)} was left as it is: ${why}`, { cause });
}
