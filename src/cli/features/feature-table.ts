import type { FileHandle } from 'node:fs/promises';
import { MenagerieError } from '../../core/errors.js';
import { toUnitRows } from '../../core/features/cosine.js';
import { MOST_NPY_HEADER_BYTES, type NpyHeader, parseNpyHeader } from '../../core/features/npy.js';
import { countOf } from '../../core/shape.js';
import { ioError } from '../../system/errors.js';
import { openRegular, piecesOf, readPart } from '../../system/regular-file.js';
import { linesOf } from '../../system/text/lines.js';

/** Rows of features that are compared. */
export interface UnitRows {
  /** Number of rows. */
  readonly count: number;
  /** Values of a row. */
  readonly size: number;
  /** So many rows, each scaled to length 1. */
  read(from: number, count: number): Promise<Float32Array>;
}

const FLOAT_BYTES = Float32Array.BYTES_PER_ELEMENT;

/** Rows in memory. */
export class RowsInMemory implements UnitRows {
  readonly count: number;
  readonly size: number;
  readonly #values: Float32Array;

  /** @param values rows x size, which are scaled in place */
  constructor(values: Float32Array, size: number) {
    toUnitRows(values, size);
    this.#values = values;
    this.size = size;
    this.count = values.length / size;
  }

  async read(from: number, count: number): Promise<Float32Array> {
    return this.#values.subarray(from * this.size, (from + count) * this.size);
  }
}

/** The rows of a `.npy` file, of which only those are in memory that are compared just now, and their names. */
export class StoredFeatures implements UnitRows {
  readonly count: number;
  readonly size: number;
  readonly #names: string;
  readonly #handle: FileHandle;
  readonly #offset: number;

  private constructor(names: string, handle: FileHandle, { shape, offset }: NpyHeader) {
    const [count = 0, ...row] = shape;
    this.count = count;
    this.size = countOf(row);
    this.#names = names;
    this.#handle = handle;
    this.#offset = offset;
  }

  /**
   * Opens a table. It must be closed.
   * @param path the `.npy` file @param names a text file with a line for each row
   * @throws MenagerieError `invalid_data` if they do not belong together, or a file is not what it should be; `io_error`
   */
  static async open(path: string, names: string): Promise<StoredFeatures> {
    const { handle, size } = await openRegular(path).catch((error: unknown) => {
      throw ioError(`cannot read ${path}`, error);
    });
    try {
      const header = parseNpyHeader(await readPart(handle, 0, Math.min(size, MOST_NPY_HEADER_BYTES)));
      const table = new StoredFeatures(names, handle, header);
      if (table.size === 0 || header.shape.length < 2)
        throw notTable(path, `it is an array of ${header.shape.join('x')}`);
      if (header.offset + table.count * table.size * FLOAT_BYTES > size) throw notTable(path, 'it is cut off');
      let lines = 0;
      for await (const _ of linesOf(piecesOf(names))) lines++;
      if (lines === table.count) return table;
      throw notTable(
        path,
        `it has ${table.count} rows, ${names} has ${lines} names. If features stopped, the same command completes both`,
      );
    } catch (error) {
      await handle.close();
      throw error instanceof MenagerieError ? error : ioError(`cannot read ${path} and ${names}`, error);
    }
  }

  async read(from: number, count: number): Promise<Float32Array> {
    const rowBytes = this.size * FLOAT_BYTES;
    const bytes = await readPart(this.#handle, this.#offset + from * rowBytes, count * rowBytes);
    const rows = new Float32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / FLOAT_BYTES));
    if (rows.length < count * this.size) throw new MenagerieError('invalid_data', 'The .npy file became shorter.');
    toUnitRows(rows, this.size);
    return rows;
  }

  /** The names of rows, by index. Memory holds these alone. */
  async names(indices: ReadonlySet<number>): Promise<Map<number, string>> {
    const found = new Map<number, string>();
    let index = 0;
    for await (const { bytes } of linesOf(piecesOf(this.#names))) {
      if (indices.has(index)) found.set(index, bytes.toString('utf8').replace(/\r$/, ''));
      index++;
    }
    return found;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

function notTable(path: string, why: string): MenagerieError {
  return new MenagerieError('invalid_data', `${path} cannot be searched: ${why}.`);
}
