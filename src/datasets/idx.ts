import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Picture } from '../core/pixels/picture.js';
import { invalidData, type LabelledPicture, MAX_PICTURE_BYTES, readData } from './labelled-picture.js';

/**
 * Opens MNIST's pictures and labels (the MNIST page of LeCun, Cortes and Burges, "FILE FORMATS FOR THE MNIST DATABASE"), gzipped
 * or not. The label file must be in the same folder.
 * @param path the file of pictures, `…images-idx3-ubyte` or `…images.idx3-ubyte`
 * @param classes number of classes of the model
 * @throws MenagerieError `invalid_data`
 */
export async function openIdx(path: string, classes: number): Promise<LabelledPicture[]> {
  const labelPath = join(dirname(path), basename(path).replace('images', 'labels').replace('idx3', 'idx1'));
  const { sizes, data } = await readIdx(path, 3);
  const { data: labels } = await readIdx(labelPath, 1);
  const [count = 0, height = 0, width = 0] = sizes;
  if (labels.length !== count) throw invalidData(`${labelPath} has ${labels.length} labels for ${count} pictures`);
  return Array.from(labels, (label, i) => {
    if (label >= classes) throw invalidData(`${labelPath}: label ${i} is ${label}; the model has ${classes} classes`);
    const grey = data.subarray(i * width * height, (i + 1) * width * height);
    return { name: `${basename(path)}#${i}`, label, read: async () => greyPicture(grey, width, height) };
  });
}

function greyPicture(grey: Uint8Array, width: number, height: number): Picture {
  const data = new Uint8Array(grey.length * 3);
  grey.forEach((level, i) => {
    data.fill(level, 3 * i, 3 * i + 3);
  });
  return { data, width, height };
}

async function readIdx(path: string, rank: number): Promise<{ sizes: number[]; data: Uint8Array }> {
  const raw = await readData(path);
  const packed = raw[0] === 0x1f && raw[1] === 0x8b;
  const bytes = packed ? await promisify(gunzip)(raw, { maxOutputLength: MAX_PICTURE_BYTES }) : raw;
  if (bytes.length < 4 + 4 * rank || bytes.readUInt32BE(0) !== 0x0800 + rank) {
    throw invalidData(`${path} is not an IDX file of bytes with ${rank} dimensions`);
  }
  const sizes = Array.from({ length: rank }, (_, i) => bytes.readUInt32BE(4 + 4 * i));
  const data = bytes.subarray(4 + 4 * rank);
  const wanted = sizes.reduce((product, size) => product * size, 1);
  if (data.length !== wanted) throw invalidData(`${path} has ${data.length} values; its header states ${wanted}`);
  return { sizes, data };
}
