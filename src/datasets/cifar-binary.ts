import { basename } from 'node:path';
import { invalidData, type LabelledPicture, readData } from './labelled-picture.js';

const PICTURE_SIDE = 32;
const PLANE = PICTURE_SIDE * PICTURE_SIDE;
/** One byte of label, then the red, green and blue planes (Krizhevsky, "The CIFAR-10 dataset", Binary version). */
const RECORD = 1 + 3 * PLANE;

/**
 * Opens a binary file of CIFAR-10: `test_batch.bin` or one of the `data_batch_*.bin`.
 * @param classes number of classes of the model
 * @throws MenagerieError `invalid_data`
 */
export async function openCifar(path: string, classes: number): Promise<LabelledPicture[]> {
  const bytes = await readData(path);
  if (bytes.length === 0 || bytes.length % RECORD !== 0) {
    throw invalidData(`${path} has ${bytes.length} bytes, which is not a multiple of CIFAR-10's ${RECORD}`);
  }
  return Array.from({ length: bytes.length / RECORD }, (_, i) => {
    const record = bytes.subarray(i * RECORD, (i + 1) * RECORD);
    const label = record.readUInt8(0);
    if (label >= classes) throw invalidData(`${path}: label ${i} is ${label}; the model has ${classes} classes`);
    return {
      name: `${basename(path)}#${i}`,
      label,
      read: async () => ({ data: interleaved(record.subarray(1)), width: PICTURE_SIDE, height: PICTURE_SIDE }),
    };
  });
}

/** @param planes 3 x 32 x 32; the result is 32 x 32 x 3 */
function interleaved(planes: Uint8Array): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(planes.length);
  planes.forEach((value, i) => {
    data[3 * (i % PLANE) + Math.floor(i / PLANE)] = value;
  });
  return data;
}
