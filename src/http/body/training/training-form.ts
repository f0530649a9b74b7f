import { MenagerieError } from '../../../core/errors.js';
import type { PictureSink } from '../../../training/receiving/picture-sink.js';
import type { PictureUpload } from '../../../training/receiving/picture-upload.js';
import { FormParameters } from '../readers/form-parameters.js';
import { MultipartSplitter, type PartHandler } from '../readers/multipart.js';
import { boundaryOf, dispositionOf } from '../readers/part-headers.js';

/** Names of archives. A picture is in the folder of its class, so it never has such a name. */
const ARCHIVE = /^[^/]+\.(zip|tar|tgz|tar\.gz)$/i;
/** Most characters of a client's text that a reply repeats. */
const MAX_QUOTED = 64;

/** How to send a training set, for clients that sent something else. */
export const HOW_TO_SEND_A_SET =
  'Send a zip, tar or tar.gz file as the body, or a form with one such file, or with files that are named class/picture.jpg ' +
  '(curl -F "file=@ants/1.jpg;filename=ants/1.jpg").';

/** Reads a form with a training set: pictures with the folders of their classes in their names, or an archive; and parameters. */
export class TrainingForm implements PartHandler {
  readonly #splitter: MultipartSplitter;
  readonly #parameters: FormParameters;
  readonly #upload: PictureUpload;
  #files = 0;
  #part: PictureSink | FormParameters | undefined;

  /** @throws MenagerieError `malformed_body` if the Content-Type has no boundary */
  constructor(contentType: string, parameterNames: ReadonlySet<string>, upload: PictureUpload) {
    this.#splitter = new MultipartSplitter(boundaryOf(contentType), this);
    this.#parameters = new FormParameters(parameterNames);
    this.#upload = upload;
  }

  /** @throws MenagerieError `malformed_body`, `unexpected_field`, `invalid_request`, `invalid_data`, `too_many_images` */
  add(chunk: Uint8Array): void {
    this.#splitter.add(chunk);
  }

  partBegins(head: string): void {
    const { name, filename } = dispositionOf(head);
    if (filename !== undefined) {
      this.#files++;
      this.#part = this.#begin(filename);
    } else if (this.#parameters.begin(name)) this.#part = this.#parameters;
    else throw new MenagerieError('unexpected_field', `There is no parameter "${name.slice(0, MAX_QUOTED)}".`);
  }

  partContinues(bytes: Uint8Array): void {
    this.#part?.add(bytes);
  }

  partEnds(): void {
    this.#part?.end();
  }

  /** Called after the last byte. @returns the parameters @throws MenagerieError `malformed_body`, `no_image` */
  end(): ReadonlyMap<string, string> {
    if (!this.#splitter.complete) {
      throw new MenagerieError('malformed_body', 'The form ends early: its closing boundary did not arrive.');
    }
    if (this.#files === 0) throw new MenagerieError('no_image', `The form has no files. ${HOW_TO_SEND_A_SET}`);
    return this.#parameters.all;
  }

  #begin(filename: string): PictureSink {
    if (ARCHIVE.test(filename)) return this.#upload.beginArchive();
    if (/[/\\]/.test(filename)) return this.#upload.beginPicture(filename);
    const shown = filename.slice(0, MAX_QUOTED);
    throw new MenagerieError('invalid_request', `The name "${shown}" does not say the class. ${HOW_TO_SEND_A_SET}`);
  }
}
