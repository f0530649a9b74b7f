import { readdir } from 'node:fs/promises';
import { leftOutByName } from '../../datasets/walk.js';
import { joinPath, pathText } from '../../system/paths.js';
import type { SkippedFile } from './training-set.js';

/** The folder of a class. */
export interface ClassFolder {
  /** The name of the class. */
  name: string;
  path: Buffer;
  /** Its path below the folder of the set. */
  below: Buffer;
}

/** Where the classes of a set are. */
export interface ClassFolders {
  training: ClassFolder[];
  validation: ClassFolder[];
  skipped: SkippedFile[];
}

/** The parts that a set may be divided into, by the names that people give them. */
const TRAINING = ['train', 'training'];
/** The first that is there is measured on. */
const VALIDATION = ['val', 'validation', 'valid', 'test', 'testing'];
/** Folders around the set that are looked through: archives often hold a single folder. */
const MAX_WRAPPERS = 4;
/** Why the folder of such a part is skipped. */
export const UNUSED_PART = 'a part of the set that is not used';

/** A folder that is looked at: where it lies, and its path below the folder of the set. */
interface Level {
  path: Buffer;
  below: Buffer;
}

interface Listing {
  folders: Buffer[];
  others: SkippedFile[];
}

/**
 * Finds the folders of the classes: directly in a folder, in its parts `train` and `val` (or what else people call them), or in a single
 * folder around them.
 * @param shown what the folder is called in messages; nothing for the folder of the set
 * @throws system errors if a folder cannot be listed
 */
export async function findClassFolders(root: string, shown = ''): Promise<ClassFolders> {
  let level: Level = { path: Buffer.from(root), below: Buffer.from(shown) };
  const skipped: SkippedFile[] = [];
  for (let wrappers = 0; ; wrappers++) {
    const listing = await list(level);
    skipped.push(...listing.others);
    const training = partOf(listing.folders, TRAINING);
    const validation = partOf(listing.folders, VALIDATION);
    if (training && validation) {
      const unused = listing.folders.filter((name) => name !== training && name !== validation);
      skipped.push(...unused.map((name) => skip(level, name, UNUSED_PART)));
      const [trained, measured] = [
        await classesIn(inside(level, training)),
        await classesIn(inside(level, validation)),
      ];
      skipped.push(...trained.others, ...measured.others);
      return { training: trained.classes, validation: measured.classes, skipped };
    }
    const [only, another] = listing.folders;
    const next = only && !another && wrappers < MAX_WRAPPERS ? inside(level, only) : undefined;
    // A single folder is a wrapper if it holds several; otherwise it is a class, and the only one.
    if (!next || (await list(next)).folders.length < 2) {
      return { training: listing.folders.map((name) => classFolder(level, name)), validation: [], skipped };
    }
    level = next;
  }
}

function partOf(folders: readonly Buffer[], names: readonly string[]): Buffer | undefined {
  const found = names.map((name) => folders.find((folder) => folder.toString('latin1').toLowerCase() === name));
  return found.find((folder) => folder !== undefined);
}

async function classesIn(level: Level): Promise<{ classes: ClassFolder[]; others: SkippedFile[] }> {
  const { folders, others } = await list(level);
  return { classes: folders.map((name) => classFolder(level, name)), others };
}

/** The folders in a folder, and all else in it, which belongs to no class. */
async function list(level: Level): Promise<Listing> {
  const listing: Listing = { folders: [], others: [] };
  for (const entry of await readdir(level.path, { withFileTypes: true, encoding: 'buffer' })) {
    const name = Buffer.from(entry.name);
    const leftOut = leftOutByName(name.toString('latin1'));
    if (leftOut) listing.others.push(skip(level, name, leftOut));
    else if (entry.isDirectory()) listing.folders.push(name);
    else listing.others.push(skip(level, name, 'not in the folder of a class'));
  }
  return listing;
}

function inside({ path, below }: Level, name: Buffer): Level {
  return { path: joinPath(path, name), below: joinPath(below, name) };
}

function classFolder(level: Level, name: Buffer): ClassFolder {
  return { name: className(name), ...inside(level, name) };
}

function skip({ below }: Level, name: Buffer, reason: string): SkippedFile {
  return { file: pathText(joinPath(below, name)), reason };
}

/** A folder's name as the name of a class: one line of text, composed (NFC), because macOS writes accents apart. */
function className(name: Buffer): string {
  const text = name.toString('utf8');
  const plain = Buffer.from(text).equals(name) && !/[\p{Cc}\u2028\u2029]/u.test(text);
  return (plain ? text : pathText(name)).normalize('NFC').trim();
}
