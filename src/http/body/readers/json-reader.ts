import { Pieces } from '../../../core/byte-source.js';
import { MenagerieError } from '../../../core/errors.js';
import type { ImageFile } from '../../../serving/ticket.js';
import { PieceWriter } from '../memory/piece-writer.js';
import { Base64Text } from './base64-text.js';
import { type Body, type BodyReader, type BodyRules, HOW_TO_SEND, tooManyImages } from './body-reader.js';
import { PictureWriter, tooManyBytes } from './picture-writer.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Bytes. A longer text is a picture: it is decoded as it arrives, and never held as text. No parameter is longer. */
const LONG = 1024;
/** Most bytes of the JSON besides its pictures. */
const MAX_REST = 64 * 1024;

/** A long text that is arriving. */
interface LongText {
  start: Buffer;
  writer: PictureWriter;
  base64: Base64Text;
}

/**
 * Reads JSON such as `{"image": "<base64>", "top_k": 3}` or `{"images": [...]}`. JSON.parse gets the text with a reference in place of
 * each long text, so neither its time nor its memory grows with the pictures.
 */
export class JsonReader implements BodyReader {
  readonly complete = false;
  readonly #rules: BodyRules;
  /** The JSON, with references. */
  readonly #json: PieceWriter;
  /** The pictures that references mean, by index. */
  readonly #pictures: Pieces[] = [];
  #inText = false;
  /** Backslashes at the end of what has arrived of a text. */
  #backslashes = 0;
  /** What has arrived of a text that is not long. */
  #short: Buffer = Buffer.alloc(0);
  #long: LongText | undefined;

  constructor(rules: BodyRules) {
    this.#rules = rules;
    this.#json = new PieceWriter(rules.account);
  }

  /** @throws MenagerieError `too_many_images`, `too_many_bytes`, `overloaded` */
  add(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    for (let at = 0; at < bytes.length; ) {
      const quote = this.#inText ? this.#closingQuote(bytes, at) : bytes.indexOf(QUOTE, at);
      const part = bytes.subarray(at, quote === -1 ? bytes.length : quote);
      if (this.#inText) this.#addText(part);
      else this.#keep(part);
      at += part.length;
      if (quote === -1) continue;
      if (this.#inText) this.#endText();
      this.#keep(bytes.subarray(quote, quote + 1));
      this.#inText = !this.#inText;
      at++;
    }
  }

  /** @throws MenagerieError `malformed_body`, `invalid_request`, `no_image`, `too_many_images`, `overloaded` */
  end(): Body {
    const images: ImageFile[] = [];
    const parameters = new Map<string, string>();
    for (const [name, value] of Object.entries(this.#parse())) {
      if (value === null) continue;
      if (name === 'image' || name === 'images') images.push(...[value].flat().map((text) => this.#image(name, text)));
      else parameters.set(name, parameterText(name, value));
    }
    if (images.length > this.#rules.maxImages) throw tooManyImages(this.#rules.maxImages);
    if (images.length === 0) throw new MenagerieError('no_image', `The JSON has no picture. ${HOW_TO_SEND}`);
    return { images, parameters };
  }

  /** Index of the quote that ends the text; -1 if it does not end here. */
  #closingQuote(bytes: Buffer, from: number): number {
    for (let at = bytes.indexOf(QUOTE, from); at !== -1; at = bytes.indexOf(QUOTE, at + 1)) {
      if (this.#backslashesBefore(bytes, from, at) % 2 === 1) continue;
      this.#backslashes = 0;
      return at;
    }
    this.#backslashes = this.#backslashesBefore(bytes, from, bytes.length);
    return -1;
  }

  #backslashesBefore(bytes: Buffer, from: number, end: number): number {
    let at = end;
    while (at > from && bytes[at - 1] === BACKSLASH) at--;
    return end - at + (at === from ? this.#backslashes : 0);
  }

  #keep(bytes: Uint8Array): void {
    const limit = MAX_REST + this.#rules.maxImages * LONG;
    if (this.#json.length + bytes.length > limit) throw tooManyBytes('The JSON besides its pictures', limit);
    this.#json.add(bytes);
  }

  #addText(bytes: Buffer): void {
    if (this.#long) {
      this.#long.base64.add(bytes.toString('latin1'));
      return;
    }
    this.#short = Buffer.concat([this.#short, bytes]);
    if (this.#short.length <= LONG) return;
    if (this.#pictures.length === this.#rules.maxImages) throw tooManyImages(this.#rules.maxImages);
    const { writer, base64 } = this.#newPicture(this.#pictures.length + 1);
    this.#long = { start: Buffer.from(this.#short.subarray(0, LONG)), writer, base64 };
    base64.add(this.#short.toString('latin1'));
    this.#short = Buffer.alloc(0);
  }

  #endText(): void {
    if (this.#long) {
      const { start, writer, base64 } = this.#long;
      this.#pictures.push(base64.end() ? writer.pieces() : new Pieces([start]));
      this.#keep(Buffer.from(`${REFERENCE}${this.#pictures.length - 1}`));
    } else this.#keep(this.#short);
    this.#short = Buffer.alloc(0);
    this.#long = undefined;
  }

  #newPicture(number: number): { writer: PictureWriter; base64: Base64Text } {
    const writer = new PictureWriter(`Picture ${number}`, this.#rules);
    return { writer, base64: new Base64Text((bytes) => writer.add(bytes)) };
  }

  #parse(): object {
    const { pieces } = this.#json.pieces();
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder().decode(Buffer.concat(pieces)));
    } catch {
      throw new MenagerieError('malformed_body', 'The body is not valid JSON, or ends early.');
    }
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
    throw new MenagerieError('malformed_body', `The JSON is not an object. ${HOW_TO_SEND}`);
  }

  /** The picture of a text. If that is not base64, it is the text itself, which is refused as no picture. */
  #image(field: string, text: unknown): ImageFile {
    if (typeof text !== 'string') {
      throw new MenagerieError(
        'invalid_request',
        `${field} must be base64 or a data URL; "images" may be a list of such.`,
      );
    }
    if (text.startsWith(REFERRED)) return { name: undefined, bytes: this.#pictures[Number(text.slice(1))] ?? NO_BYTES };
    const { writer, base64 } = this.#newPicture(1);
    base64.add(text);
    return { name: undefined, bytes: base64.end() ? writer.pieces() : new Pieces([Buffer.from(text)]) };
  }
}

/** Begins a reference, as JSON and as text. A client that writes one itself gets no more than a picture of its own. */
const REFERENCE = '\\u0000';
const REFERRED = '\0';
const NO_BYTES = new Pieces([]);

/** The value of a parameter as in a query, where lists are separated by commas. */
function parameterText(name: string, value: unknown): string {
  const values = Array.isArray(value) ? value : [value];
  if (values.every((one) => ['string', 'number', 'boolean'].includes(typeof one))) return values.join(',');
  throw new MenagerieError('invalid_request', `${name} must be a text, a number, true, false, or a list of such.`);
}
