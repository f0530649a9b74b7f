import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MenagerieError } from '../core/errors.js';
import type { Picture } from '../core/picture.js';

/** A picture and what it shows. */
export interface LabelledPicture {
  /** For messages: its path within the data set. */
  name: string;
  /** Index of the class. */
  label: number;
  /** The bytes of its file, or its pixels where the data set has no files. */
  read(): Promise<Uint8Array | Picture>;
}

/** A picture in a file of its own. */
export function pictureFile(root: string, name: string, label: number): LabelledPicture {
  return { name, label, read: () => readFile(join(root, name)) };
}

/** The error of a data set that is not as it should be. */
export function invalidData(what: string): MenagerieError {
  return new MenagerieError('invalid_data', what);
}
