import { MenagerieError } from '../core/errors.js';
import type { Picture } from '../core/pixels/picture.js';
import { joinPath, pathText } from '../system/paths.js';
import { readRegular } from '../system/regular-file.js';

/** A picture and its class. */
export interface LabelledPicture {
  /** Its path within the data set, for messages. */
  name: string;
  /** Index of the class. */
  label: number;
  /** Reads the bytes of its file, or its pixels if it has no file of its own. */
  read(): Promise<Uint8Array | Picture>;
}

/** Takes pictures, or their places, at equal distances, so that all classes are represented. */
export function spreadOver<T>(pictures: readonly T[], limit = pictures.length): T[] {
  const count = Math.min(limit, pictures.length);
  const chosen = new Set(Array.from({ length: count }, (_, i) => Math.floor((i * pictures.length) / count)));
  return pictures.filter((_, i) => chosen.has(i));
}

/** Most bytes of a file. MNIST's training set, unpacked, has 47 million. */
export const MAX_PICTURE_BYTES = 1024 ** 3;

/** A picture in a file of its own. @param name its path below `root` */
export function pictureFile(root: string, name: Buffer, label: number): LabelledPicture {
  const path = joinPath(Buffer.from(root), name);
  return { name: pathText(name), label, read: () => readData(path) };
}

/**
 * Reads a file of a data set.
 * @throws MenagerieError `invalid_data` if it is too large; RefusedFile if it is not a regular file; system errors
 */
export function readData(file: string | Buffer): Promise<Buffer<ArrayBuffer>> {
  return readRegular(file, MAX_PICTURE_BYTES, 'invalid_data');
}

/** The error for a faulty data set. */
export function invalidData(message: string): MenagerieError {
  return new MenagerieError('invalid_data', message);
}
