import { readdir, stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { MenagerieError } from '../core/errors.js';
import { reasonOf } from '../system/errors.js';
import { openCifar } from './cifar-binary.js';
import { ClassNames, type Named } from './class-names.js';
import { openCsv } from './csv.js';
import { openIdx } from './idx.js';
import { findImageFiles, isImageFile } from './image-files.js';
import { invalidData, type LabelledPicture, pictureFile } from './labelled-picture.js';

/** How a data set is stored. */
type DatasetForm = 'folders' | 'file names' | 'csv' | 'idx' | 'cifar';

export interface Dataset {
  form: DatasetForm;
  /** In an order that does not depend on the machine. */
  pictures: LabelledPicture[];
}

const WNID_PREFIX = /^n\d{8}(?=[_.\s-])/;

/**
 * Opens a set of labelled pictures:
 * - a folder with one folder per class, named by index, WordNet id or class name;
 * - a folder of pictures whose names begin with the WordNet id of their class, as in ImageNet;
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

async function openFile(path: string, names: ClassNames): Promise<Dataset> {
  if (/\.csv$/i.test(path)) return { form: 'csv', pictures: await openCsv(path, names) };
  if (/idx3/.test(basename(path))) return { form: 'idx', pictures: await openIdx(path, names.size) };
  if (/\.bin$/i.test(path)) return { form: 'cifar', pictures: await openCifar(path, names.size) };
  throw invalidData(`${path} is neither a folder, a CSV file, an IDX file (…idx3…) nor a CIFAR-10 file (.bin).`);
}

async function openPictureFolder(path: string, names: ClassNames): Promise<Dataset> {
  const entries = (await readdir(path, { withFileTypes: true })).filter(({ name }) => !name.startsWith('.'));
  const files = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  const known = (pattern: RegExp) => files.filter((name) => pattern.test(name)).sort();
  const [test] = known(/^t10k-images[.-]idx3/);
  const idx = test ?? known(/images[.-]idx3/)[0];
  if (idx !== undefined) return openFile(join(path, idx), names);
  if (files.includes('test_batch.bin')) return openFile(join(path, 'test_batch.bin'), names);
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  if (folders.length > 0) return { form: 'folders', pictures: await picturesOfFolders(path, folders.sort(), names) };
  return { form: 'file names', pictures: picturesByName(path, files.filter(isImageFile).sort(), names) };
}

async function picturesOfFolders(root: string, folders: string[], names: ClassNames): Promise<LabelledPicture[]> {
  const pictures: LabelledPicture[] = [];
  for (const folder of folders) {
    const label = names.indexOf(folder, join(root, folder));
    for (const file of await findImageFiles([join(root, folder)])) {
      pictures.push(pictureFile(root, relative(root, file), label));
    }
  }
  return pictures;
}

function picturesByName(root: string, files: string[], names: ClassNames): LabelledPicture[] {
  return files.map((file) => {
    const wnid = WNID_PREFIX.exec(file)?.[0];
    if (wnid === undefined) {
      throw invalidData(
        `${join(root, file)}: its class is unknown. Put the pictures into one folder per class, begin their names with a ` +
          'WordNet id (n01440764_…), or list them in a CSV file.',
      );
    }
    return pictureFile(root, file, names.indexOf(wnid, join(root, file)));
  });
}
