import type { Dirent } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { joinPath } from '../system/paths.js';
import { kindOfFile, RefusedFile } from '../system/regular-file.js';

/** Why an entry of a folder is no picture to look at. */
export type LeftOut = 'hidden' | 'file of the system' | 'link to a folder' | 'not a picture';

/** What was found in a folder, or the path itself if it is no folder. */
export interface Entry {
  path: Buffer;
  /** Its path below the folder that was searched; the path itself if it is no folder. */
  below: Buffer;
  /** Set if it is left out. */
  leftOut?: LeftOut;
  /** Set if it cannot be read, or is no regular file: a system error or RefusedFile. */
  fault?: unknown;
}

/** Files and folders that operating systems and their tools leave beside pictures. Names in lower case. */
const SYSTEM_NAMES: ReadonlySet<string> = new Set([
  '__macosx',
  'thumbs.db',
  'ehthumbs.db',
  'desktop.ini',
  '$recycle.bin',
  'system volume information',
  'lost+found',
  '@eadir',
]);
/** What is not even named as left out: sidecars belong to the pictures that they describe. */
const SIDECAR = /\.xmp$/i;
/** Entries that the system is asked for at once. */
const LISTED_AT_ONCE = 256;

/** An entry of a folder: the bytes of its name as characters (latin1), which take half the memory of a Buffer and sort as bytes. */
interface Listed {
  name: string;
  kind: 'file' | 'folder' | 'link' | 'other';
}

/**
 * Searches a folder to any depth, or yields the path itself if it is no folder. Each folder is listed when the search comes to it, so
 * that memory holds the names of one folder and of those above it. The order is fixed: in each folder by the bytes of the names, and
 * the content of a folder in the place of its name. Links to files are followed; links to folders are not, so that the search ends.
 * What cannot be read is an entry with its fault, and the rest goes on.
 * @param ignored names of files that are not yielded at all
 */
export async function* walk(root: Buffer, ignored: ReadonlySet<string> = new Set()): AsyncGenerator<Entry> {
  let open: { folder: Buffer; below: Buffer; names: Listed[] }[];
  try {
    const info = await stat(root);
    if (!info.isDirectory()) {
      yield info.isFile() ? { path: root, below: root } : { path: root, below: root, fault: notRegular(info) };
      return;
    }
    open = [{ folder: root, below: Buffer.alloc(0), names: await list(root) }];
  } catch (fault) {
    yield { path: root, below: root, fault };
    return;
  }
  for (let current = open.at(-1); current; current = open.at(-1)) {
    const next = current.names.pop();
    if (next === undefined) {
      open.pop();
      continue;
    }
    if (ignored.has(next.name) || SIDECAR.test(next.name)) continue;
    const name = Buffer.from(next.name, 'latin1');
    const entry = { path: joinPath(current.folder, name), below: joinPath(current.below, name) };
    const leftOut = leftOutByName(next.name);
    if (leftOut) yield { ...entry, leftOut };
    else if (next.kind === 'file') yield entry;
    else if (next.kind === 'folder') {
      try {
        open.push({ folder: entry.path, below: entry.below, names: await list(entry.path) });
      } catch (fault) {
        yield { ...entry, fault };
      }
    } else yield { ...entry, ...(await behind(entry.path)) };
  }
}

/** Whether a name is hidden or belongs to the system. @param name text, or bytes as characters */
export function leftOutByName(name: string): LeftOut | undefined {
  // `._x.jpg` has what macOS keeps about x.jpg where the disk cannot hold it (AppleDouble).
  if (name.startsWith('._') || SYSTEM_NAMES.has(name.toLowerCase())) return 'file of the system';
  return name.startsWith('.') ? 'hidden' : undefined;
}

/** The entries of a folder, the last one first, because they are taken from the end. */
async function list(folder: Buffer): Promise<Listed[]> {
  const names: Listed[] = [];
  // Names as Buffers, which Node's types do not know here. With strings it would fail where a disk does not tell the kinds of entries.
  const encoding = 'buffer' as BufferEncoding;
  for await (const entry of await opendir(folder, { encoding, bufferSize: LISTED_AT_ONCE })) {
    names.push({ name: Buffer.from(entry.name).toString('latin1'), kind: kindOf(entry) });
  }
  return names.sort((a, b) => (a.name < b.name ? 1 : -1));
}

function kindOf(entry: Dirent): Listed['kind'] {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'folder';
  return entry.isSymbolicLink() ? 'link' : 'other';
}

/** What a link leads to, or what a special file is. */
async function behind(path: Buffer): Promise<Pick<Entry, 'fault' | 'leftOut'>> {
  try {
    const info = await stat(path);
    if (info.isDirectory()) return { leftOut: 'link to a folder' };
    return info.isFile() ? {} : { fault: notRegular(info) };
  } catch (fault) {
    return { fault };
  }
}

function notRegular(info: Parameters<typeof kindOfFile>[0]): RefusedFile {
  return new RefusedFile(`it is ${kindOfFile(info)}, not a regular file`);
}
