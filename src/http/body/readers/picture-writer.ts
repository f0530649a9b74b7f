import type { Pieces } from '../../../core/byte-source.js';
import { MenagerieError } from '../../../core/errors.js';
import { PieceWriter } from '../memory/piece-writer.js';
import type { Body, BodyReader, BodyRules } from './body-reader.js';

/** Collects the bytes of one picture, within the limit on its size. */
export class PictureWriter {
  readonly #what: string;
  readonly #maxBytes: number;
  readonly #writer: PieceWriter;

  /** @param what names the picture in messages */
  constructor(what: string, { maxBytes, account }: BodyRules) {
    this.#what = what;
    this.#maxBytes = maxBytes;
    this.#writer = new PieceWriter(account);
  }

  /** @throws MenagerieError `too_many_bytes`, `overloaded` */
  add(chunk: Uint8Array): void {
    if (this.#writer.length + chunk.length > this.#maxBytes) throw tooManyBytes(this.#what, this.#maxBytes);
    this.#writer.add(chunk);
  }

  /** All bytes so far. */
  pieces(): Pieces {
    return this.#writer.pieces();
  }
}

/** Reads a body that is one picture. */
export class PictureReader implements BodyReader {
  readonly complete = false;
  readonly #writer: PictureWriter;

  constructor(rules: BodyRules) {
    this.#writer = new PictureWriter('The body', rules);
  }

  add(chunk: Uint8Array): void {
    this.#writer.add(chunk);
  }

  end(): Body {
    return { images: [{ name: undefined, bytes: this.#writer.pieces() }], parameters: new Map() };
  }
}

/** @param what names what is too large */
export function tooManyBytes(what: string, limit: number): MenagerieError {
  return new MenagerieError('too_many_bytes', `${what} is larger than the limit of ${limit} bytes.`);
}
