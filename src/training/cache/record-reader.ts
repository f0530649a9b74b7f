import { open } from 'node:fs/promises';
import { MIB } from '../../core/units.js';
import { readPart } from '../../system/regular-file.js';
import { featuresIn, type RecordPlace, recordBytes } from './segment.js';

/** Bytes that are read together where one record follows the last. Opening a file takes longer than reading so many. */
const READ_AHEAD = 1 * MIB;

/** A part of a file, while it is read and afterwards. */
interface Stretch {
  file: string;
  start: number;
  end: number;
  bytes: Promise<Uint8Array>;
}

/** Reads records of features, which mostly follow each other: a training wants the pictures in the order in which they were written. */
export class RecordReader {
  #last: Stretch | undefined;

  /**
   * Reads the features of one picture.
   * @returns undefined if the record is damaged
   * @throws system errors
   */
  async read(place: RecordPlace, sha256: string): Promise<Float32Array | undefined> {
    const { file, offset } = place;
    const end = offset + recordBytes(place);
    const last = this.#last;
    const within = last?.file === file && offset >= last.start && end <= last.end;
    const follows = last?.file === file && offset === last.end;
    const { start, bytes } = within
      ? last
      : this.#open(file, offset, follows ? Math.max(end, offset + READ_AHEAD) : end);
    return featuresIn((await bytes).subarray(offset - start, end - start), sha256);
  }

  #open(file: string, start: number, end: number): Stretch {
    const stretch = { file, start, end, bytes: readBytes(file, start, end) };
    // It may be in order the next time.
    stretch.bytes.catch(() => {
      if (this.#last === stretch) this.#last = undefined;
    });
    this.#last = stretch;
    return stretch;
  }
}

async function readBytes(file: string, start: number, end: number): Promise<Uint8Array> {
  const handle = await open(file);
  try {
    return await readPart(handle, start, end - start);
  } finally {
    await handle.close();
  }
}
