import { basename } from 'node:path/win32';
import { MenagerieError } from '../../../core/errors.js';
import type { ImageFile } from '../../../serving/ticket.js';
import { type Body, type BodyReader, type BodyRules, HOW_TO_SEND, tooManyImages } from './body-reader.js';
import { FormParameters } from './form-parameters.js';
import { MultipartSplitter, type PartHandler } from './multipart.js';
import { boundaryOf, dispositionOf } from './part-headers.js';
import { PictureWriter } from './picture-writer.js';

/** The fields for pictures. */
const PICTURE_FIELDS: readonly string[] = ['image', 'images', 'image[]', 'file', 'data'];
/** Most characters of a client's text that a reply repeats. */
const MAX_QUOTED = 64;
/** Most characters of a picture's name. */
const MAX_NAME_LENGTH = 255;

/** The part of a form that is arriving. */
type Part = { filename: string | undefined; picture: PictureWriter } | 'parameter';

/** Reads a form: pictures in the fields for them, whatever headers their parts have, and parameters in fields of their names. */
export class FormReader implements BodyReader, PartHandler {
  readonly #rules: BodyRules;
  readonly #splitter: MultipartSplitter;
  readonly #images: ImageFile[] = [];
  readonly #parameters: FormParameters;
  #part: Part | undefined;

  /** @throws MenagerieError `malformed_body` if the Content-Type has no boundary */
  constructor(contentType: string, rules: BodyRules) {
    this.#rules = rules;
    this.#parameters = new FormParameters(rules.parameterNames);
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
    const { maxImages } = this.#rules;
    const { name, filename } = dispositionOf(head);
    if (PICTURE_FIELDS.includes(name)) {
      const number = this.#images.length + 1;
      if (number > maxImages) throw tooManyImages(maxImages);
      this.#part = {
        filename: filename && shownName(filename),
        picture: new PictureWriter(`Picture ${number}`, this.#rules),
      };
      return;
    }
    if (filename !== undefined || !this.#parameters.begin(name)) throw unexpectedField(name, filename !== undefined);
    this.#part = 'parameter';
  }

  partContinues(bytes: Uint8Array): void {
    const part = this.#part;
    if (part === 'parameter') this.#parameters.add(bytes);
    else part?.picture.add(bytes);
  }

  partEnds(): void {
    const part = this.#part;
    if (part === 'parameter') this.#parameters.end();
    else if (part) this.#images.push({ name: part.filename, bytes: part.picture.pieces() });
  }

  end(): Body {
    if (!this.complete) {
      throw new MenagerieError('malformed_body', 'The form ends early: its closing boundary did not arrive.');
    }
    if (this.#images.length === 0) {
      throw new MenagerieError('no_image', `The form has no picture. ${HOW_TO_SEND}`);
    }
    return { images: this.#images, parameters: this.#parameters.all };
  }
}

/** The name of a picture in the reply: that of its file without folders, which some programs send. */
function shownName(filename: string): string | undefined {
  return basename(filename).slice(0, MAX_NAME_LENGTH) || undefined;
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
