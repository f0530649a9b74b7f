import { MenagerieError } from '../../../core/errors.js';
import type { ImageFile } from '../../../serving/ticket.js';
import { type Body, type BodyReader, type BodyRules, HOW_TO_SEND, tooManyImages } from './body-reader.js';
import { MultipartSplitter, type PartHandler } from './multipart.js';
import { boundaryOf, dispositionOf } from './part-headers.js';
import { PictureWriter } from './picture-writer.js';

/** The fields for pictures. */
const PICTURE_FIELDS: readonly string[] = ['image', 'images', 'image[]', 'file', 'data'];
/** Most bytes of a parameter. */
const MAX_PARAMETER_BYTES = 1024;
const MAX_PARAMETERS = 32;
/** Most characters of a client's text that a reply repeats. */
const MAX_QUOTED = 64;

/** The part of a form that is arriving. */
type Part = { filename: string | undefined; picture: PictureWriter } | { parameter: string; text: Buffer };

/** Reads a form: pictures in the fields for them, whatever headers their parts have, and parameters in fields of their names. */
export class FormReader implements BodyReader, PartHandler {
  readonly #rules: BodyRules;
  readonly #splitter: MultipartSplitter;
  readonly #images: ImageFile[] = [];
  readonly #parameters = new Map<string, string>();
  #fields = 0;
  #part: Part | undefined;

  /** @throws MenagerieError `malformed_body` if the Content-Type has no boundary */
  constructor(contentType: string, rules: BodyRules) {
    this.#rules = rules;
    this.#splitter = new MultipartSplitter(boundaryOf(contentType), this);
  }

  get complete(): boolean {
    return this.#splitter.complete;
  }

  /** @throws MenagerieError `malformed_body`, `unexpected_field`, `invalid_request`, `too_many_images`, `too_many_bytes`, `overloaded` */
  add(chunk: Uint8Array): void {
    this.#splitter.add(chunk);
  }

  partBegins(head: string): void {
    const { maxImages, parameterNames } = this.#rules;
    const { name, filename } = dispositionOf(head);
    if (PICTURE_FIELDS.includes(name)) {
      const number = this.#images.length + 1;
      if (number > maxImages) throw tooManyImages(maxImages);
      this.#part = { filename, picture: new PictureWriter(`Picture ${number}`, this.#rules) };
      return;
    }
    if (filename !== undefined || !parameterNames.has(name)) throw unexpectedField(name, filename !== undefined);
    if (++this.#fields > MAX_PARAMETERS) {
      throw new MenagerieError('unexpected_field', `A form holds at most ${MAX_PARAMETERS} parameters.`);
    }
    this.#part = { parameter: name, text: Buffer.alloc(0) };
  }

  partContinues(bytes: Uint8Array): void {
    const part = this.#part;
    if (!part) return;
    if ('picture' in part) {
      part.picture.add(bytes);
      return;
    }
    if (part.text.length + bytes.length > MAX_PARAMETER_BYTES) {
      throw new MenagerieError('invalid_request', `${part.parameter} is longer than ${MAX_PARAMETER_BYTES} bytes.`);
    }
    part.text = Buffer.concat([part.text, bytes]);
  }

  partEnds(): void {
    const part = this.#part;
    if (!part) return;
    if ('picture' in part) this.#images.push({ name: part.filename, bytes: part.picture.pieces() });
    else this.#addParameter(part.parameter, part.text.toString('utf8'));
  }

  end(): Body {
    if (!this.complete) {
      throw new MenagerieError('malformed_body', 'The form ends early: its closing boundary did not arrive.');
    }
    if (this.#images.length === 0) {
      throw new MenagerieError('no_image', `The form has no picture. ${HOW_TO_SEND}`);
    }
    return { images: this.#images, parameters: this.#parameters };
  }

  #addParameter(name: string, value: string): void {
    const before = this.#parameters.get(name);
    if (before !== undefined && before !== value) {
      throw new MenagerieError('invalid_request', `${name} is twice in the form, with different values.`);
    }
    this.#parameters.set(name, value);
  }
}

function unexpectedField(name: string, isFile: boolean): MenagerieError {
  const shown = name.slice(0, MAX_QUOTED);
  const fields = PICTURE_FIELDS.join(', ');
  return isFile
    ? new MenagerieError(
        'unexpected_field',
        `The form has a file in the field "${shown}"; pictures belong in ${fields}.`,
      )
    : new MenagerieError('unexpected_field', `There is no parameter "${shown}"; pictures belong in ${fields}.`);
}
