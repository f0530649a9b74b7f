import { join } from 'node:path';
import { MenagerieError } from '../core/errors.js';
import type { Picture } from '../core/pixels/picture.js';
import { readRegular } from '../system/regular-file.js';

/** A picture and what it shows. */
export interface LabelledPicture {
  /** For messages: its path within the data set. */
  name: string;
  /** Index of the class. */
  label: number;
  /** The bytes of its file, or its pixels where the data set has no files. */
  read(): Promise<Uint8Array | Picture>;
}

/** Bytes of a file at most: MNIST's training set, unpacked, has 47 million. */
export const MAX_PICTURE_BYTES = 1024 ** 3;

/** A picture in a file of its own. */
export function pictureFile(root: string, name: string, label: number): LabelledPicture {
  return { name, label, read: () => readData(join(root, name)) };
}

/**
 * The bytes of a file of a data set.
 * @throws MenagerieError `invalid_data` for one that is too large; RefusedFile for what is no regular file; what the system throws
 */
export function readData(file: string): Promise<Buffer<ArrayBuffer>> {
  return readRegular(file, MAX_PICTURE_BYTES, 'invalid_data');
}

/** The error of a data set that is not as it should be. */
export function invalidData(what: string): MenagerieError {
  return new MenagerieError('invalid_data', what);
}
