import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { MenagerieError } from '../core/errors.js';
import { reasonOf } from '../system/errors.js';
import { joinPath, pathText } from '../system/paths.js';
import { openCifar } from './cifar-binary.js';
import { ClassNames, type Named } from './class-names.js';
import { openCsv } from './csv.js';
import { openIdx } from './idx.js';
import { isPicture } from './image-files.js';
import { invalidData, type LabelledPicture, pictureFile } from './labelled-picture.js';
import { type Entry, type LeftOut, leftOutByName, walk } from './walk.js';

/** How a data set is stored. */
type DatasetForm = 'folders' | 'file names' | 'csv' | 'idx' | 'cifar';

interface Found {
  /** In an order that does not depend on the machine. */
  pictures: LabelledPicture[];
  /** How many files of its folders were left out, by reason. */
  leftOut: Map<LeftOut, number>;
}

export interface Dataset extends Found {
  form: DatasetForm;
  /** Where it was found: the folder of one part, if the one that was named is divided into parts. */
  path: string;
}

/** Parts that a data set may be divided into; the first that is there is evaluated. */
const PARTS = ['val', 'validation', 'valid', 'test', 'train'];
const WNID_PREFIX = /^n\d{8}(?=[_.\s-])/;

/**
 * Opens a set of labelled pictures:
 * - a folder with one folder per class, named by index, WordNet id or class name;
 * - a folder of pictures whose names begin with the WordNet id of their class, as in ImageNet;
 * - a folder of these, called `val`, `test` or `train` (the first of them that is there, in this order);
 * - a CSV file `file,label`, paths relative to it;
 * - one of MNIST's IDX files, or the folder that holds them (the test set if it is there);
 * - one of CIFAR-10's binary files, or the folder that holds them (the test set).
 *
 * @param labels the model's classes, in index order
 * @throws MenagerieError `invalid_data` naming the file and the fault; `io_error`
 */
export async function openDataset(path: string, labels: readonly Named[]): Promise<Dataset> {
  try {
    const names = new ClassNames(labels);
    const dataset = (await stat(path)).isDirectory()
      ? await openPictureFolder(path, names)
      : await openFile(path, names);
    if (dataset.pictures.length === 0) throw invalidData(`There are no labelled pictures in ${path}.`);
    return dataset;
  } catch (error) {
    if (error instanceof MenagerieError) throw error;
    throw new MenagerieError('io_error', `Cannot read ${path}: ${reasonOf(error)}`, { cause: error });
  }
}

/**
 * The names of the folders of classes, for a data set whose classes are not known: of the part that openDataset opens, where it is
 * divided into parts. Empty if there are no folders.
 * @throws a system error
 */
export async function classFolders(path: string): Promise<string[]> {
  const folders = foldersAmong(await readdir(path, { withFileTypes: true }));
  const part = partAmong(folders);
  // A folder `train` of pictures is of a class.
  const below = part === undefined ? [] : foldersAmong(await readdir(join(path, part), { withFileTypes: true }));
  return below.length > 0 ? below : folders;
}

function foldersAmong(entries: readonly Dirent[]): string[] {
  return entries.filter((entry) => entry.isDirectory() && !leftOutByName(entry.name)).map(({ name }) => name);
}

function partAmong(folders: readonly string[]): string | undefined {
  return PARTS.map((part) => folders.find((folder) => folder.toLowerCase() === part)).find(
    (part) => part !== undefined,
  );
}

async function openFile(path: string, names: ClassNames): Promise<Dataset> {
  const file = { path, leftOut: new Map() };
  if (/\.csv$/i.test(path)) return { ...file, form: 'csv', pictures: await openCsv(path, names) };
  if (/idx3/.test(basename(path))) return { ...file, form: 'idx', pictures: await openIdx(path, names.size) };
  if (/\.bin$/i.test(path)) return { ...file, form: 'cifar', pictures: await openCifar(path, names.size) };
  throw invalidData(`${path} is neither a folder, a CSV file, an IDX file (…idx3…) nor a CIFAR-10 file (.bin).`);
}

async function openPictureFolder(path: string, names: ClassNames): Promise<Dataset> {
  const entries = (await readdir(path, { withFileTypes: true })).filter(({ name }) => !leftOutByName(name));
  const files = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  const known = (pattern: RegExp) => files.filter((name) => pattern.test(name)).sort();
  const [test] = known(/^t10k-images[.-]idx3/);
  const idx = test ?? known(/images[.-]idx3/)[0];
  if (idx !== undefined) return openFile(join(path, idx), names);
  if (files.includes('test_batch.bin')) return openFile(join(path, 'test_batch.bin'), names);
  const folders = foldersAmong(entries);
  const part = partOf(folders, names);
  if (part !== undefined) return openPictureFolder(join(path, part), names);
  if (folders.length > 0) return { form: 'folders', path, ...(await picturesOfFolders(path, folders, names)) };
  return { form: 'file names', path, ...(await picturesByName(path, names)) };
}

/** The folder to evaluate where a data set is divided into parts (`train`, `val`): none is a class. */
function partOf(folders: readonly string[], names: ClassNames): string | undefined {
  return folders.some((folder) => names.has(folder)) ? undefined : partAmong(folders);
}

async function picturesOfFolders(root: string, folders: readonly string[], names: ClassNames): Promise<Found> {
  const classes = folders.toSorted().map((folder) => ({ folder, label: names.indexOf(folder, join(root, folder)) }));
  const found: Found = { pictures: [], leftOut: new Map() };
  for (const { folder, label } of classes) {
    for await (const { below } of picturesIn(join(root, folder), found)) {
      found.pictures.push(pictureFile(root, joinPath(Buffer.from(folder), below), label));
    }
  }
  return found;
}

async function picturesByName(root: string, names: ClassNames): Promise<Found> {
  const found: Found = { pictures: [], leftOut: new Map() };
  for await (const { below } of picturesIn(root, found)) {
    const file = pathText(below);
    const wnid = WNID_PREFIX.exec(file)?.[0];
    if (wnid === undefined) {
      throw invalidData(
        `${join(root, file)}: its class is unknown. Put the pictures into one folder per class, begin their names with a ` +
          'WordNet id (n01440764_…), or list them in a CSV file.',
      );
    }
    found.pictures.push(pictureFile(root, below, names.indexOf(wnid, join(root, file))));
  }
  return found;
}

/** The pictures in a folder, and what cannot be read, whose error comes when it is read. The rest is counted. */
async function* picturesIn(folder: string, { leftOut }: Found): AsyncGenerator<Entry> {
  for await (const entry of walk(Buffer.from(folder))) {
    const reason =
      entry.leftOut ?? (entry.fault || (await isPictureOrUnreadable(entry.path)) ? undefined : 'not a picture');
    if (reason === undefined) yield entry;
    else leftOut.set(reason, (leftOut.get(reason) ?? 0) + 1);
  }
}

async function isPictureOrUnreadable(path: Buffer): Promise<boolean> {
  return isPicture(path).catch(() => true);
}
