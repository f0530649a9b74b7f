import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { ByteSource } from '../../core/byte-source.js';

const READ_WINDOW = 1 << 16;

/** The bytes of a file, read on demand; the last page read stays in memory. */
export class FileBytes implements ByteSource {
  readonly length: number;
  readonly #descriptor: number;
  #page: Uint8Array = new Uint8Array();
  #pageStart = 0;

  constructor(file: string) {
    this.#descriptor = openSync(file, 'r');
    this.length = fstatSync(this.#descriptor).size;
  }

  slice(start: number, end: number): Uint8Array {
    const inPage = start >= this.#pageStart && end <= this.#pageStart + this.#page.length;
    if (!inPage) {
      this.#page = this.#read(start, Math.max(end, Math.min(this.length, start + READ_WINDOW)));
      this.#pageStart = start;
    }
    return this.#page.subarray(start - this.#pageStart, end - this.#pageStart);
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #read(start: number, end: number): Buffer {
    const buffer = Buffer.alloc(Math.max(0, end - start));
    let length = 0;
    for (let n = -1; n !== 0 && length < buffer.length; length += n) {
      n = readSync(this.#descriptor, buffer, length, buffer.length - length, start + length);
    }
    return buffer.subarray(0, length);
  }
}
