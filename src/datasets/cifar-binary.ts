import { basename } from 'node:path';
import { invalidData, type LabelledPicture, readData } from './labelled-picture.js';

const PICTURE_SIDE = 32;
const PWORKER = PICTURE_SIDE * PICTURE_SIDE;
/** One byte of label, then red, green and blue planes (Krizhevsky, "The CIFAR-10 dataset", Binary version). */
const RECORD = 1 + 3 * PWORKER;

/**
 * A binary file of CIFAR-10: `test_batch.bin` or one of the `data_batch_*.bin`.
 * @throws MenagerieError `invalid_data`
 */
export async function openCifar(path: string, classes: number): Promise<LabelledPicture[]> {
  const bytes = await readData(path);
  if (bytes.length === 0 || bytes.length % RECORD !== 0) {
    throw invalidData(`${path} has ${bytes.length} bytes, which is no multiple of CIFAR-10's ${RECORD}`);
  }
  return Array.from({ length: bytes.length / RECORD }, (_, i) => {
    const record = bytes.subarray(i * RECORD, (i + 1) * RECORD);
    const label = record[0] as number;
    if (label >= classes) throw invalidData(`${path}: label ${i} is ${label}; the model has ${classes} classes`);
    return {
      name: `${basename(path)}#${i}`,
      label,
      read: async () => ({ data: interleaved(record.subarray(1)), width: PICTURE_SIDE, height: PICTURE_SIDE }),
    };
  });
}

function interleaved(planes: Uint8Array): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(planes.length);
  for (let p = 0; p < PWORKER; p++) for (let c = 0; c < 3; c++) data[3 * p + c] = planes[c * PWORKER + p] as number;
  return data;
}
