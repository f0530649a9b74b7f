import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { invalidData } from '../../datasets/labelled-picture.js';
import { assertDiskRoom } from '../../system/disk/disk-room.js';
import { ioError, isSystemError } from '../../system/errors.js';
import { ownPartial } from '../../system/partial-name.js';
import { PictureSink, type ReceivedSet, type ReceiveLimits } from './picture-sink.js';
import { unpackArchive } from './unpack-archive.js';

const ARCHIVE = 'archive';
const PICTURES = 'pictures';

/**
 * A set that arrives, as files or as one archive. It is collected beside its folder, under the name of a partial file, and gets
 * its folder when it is complete.
 */
export class PictureUpload {
  readonly #pictures: PictureSink;
  readonly #folder: string;
  readonly #partial: string;
  readonly #limits: ReceiveLimits;
  readonly #archive: PictureSink;
  #hasArchive = false;

  private constructor(folder: string, partial: string, limits: ReceiveLimits) {
    this.#folder = folder;
    this.#partial = partial;
    this.#limits = limits;
    this.#pictures = new PictureSink(join(partial, PICTURES), limits);
    this.#archive = new PictureSink(partial, { bytes: limits.bytes, maxBytes: limits.bytes });
  }

  /**
   * @param folder where the set will be; the folder above it is created if it is not there
   * @param declared bytes that will arrive, if that is known
   * @throws MenagerieError `too_little_disk`, `io_error`
   */
  static async open(folder: string, limits: ReceiveLimits, declared = 0): Promise<PictureUpload> {
    await assertDiskRoom(folder, declared, 'The pictures');
    const partial = ownPartial(folder);
    try {
      await mkdir(join(partial, PICTURES), { recursive: true });
    } catch (error) {
      throw ioError('cannot create the folder for the pictures', error);
    }
    return new PictureUpload(folder, partial, limits);
  }

  /**
   * An archive begins, in place of files.
   * @returns takes its bytes, and its end
   * @throws MenagerieError `invalid_data` if there are files or another archive already
   */
  beginArchive(): PictureSink {
    if (this.#hasArchive || this.#pictures.entries > 0) {
      throw invalidData(
        'A training set is sent as one archive or as single files, not as both, nor as several archives.',
      );
    }
    this.#hasArchive = true;
    this.#archive.begin(ARCHIVE);
    return this.#archive;
  }

  /** A file begins. @returns takes its bytes, and its end @throws MenagerieError `invalid_data`, `too_many_images` */
  beginPicture(path: string): PictureSink {
    if (this.#hasArchive) return this.beginArchive();
    this.#pictures.begin(path);
    return this.#pictures;
  }

  /**
   * Counts bytes of the body, and writes what was told to the sinks.
   * @throws MenagerieError `too_many_bytes`, `too_little_disk`, `io_error`
   */
  async settle(bytes: number): Promise<void> {
    this.#archive.count(bytes);
    await this.#archive.settle();
    await this.#pictures.settle();
  }

  /**
   * Unpacks the archive, if there is one, and gives the set its folder.
   * @throws MenagerieError as `unpackArchive` does; the signal's reason when aborted
   */
  async complete(signal: AbortSignal): Promise<ReceivedSet> {
    await this.#close();
    const pictures = join(this.#partial, PICTURES);
    const received = this.#hasArchive
      ? await unpackArchive(join(this.#partial, ARCHIVE), pictures, this.#limits, signal)
      : this.#pictures.received;
    signal.throwIfAborted();
    try {
      await rename(pictures, this.#folder);
    } catch (error) {
      throw isSystemError(error) ? ioError('cannot move the pictures to their folder', error) : error;
    }
    await this.discard();
    return received;
  }

  /** Removes what has arrived and is not in its folder. Never rejects: what stays is removed like what a killed process leaves. */
  async discard(): Promise<void> {
    await this.#close().catch(() => undefined);
    await rm(this.#partial, { recursive: true, force: true }).catch(() => undefined);
  }

  async #close(): Promise<void> {
    await this.#pictures.close();
    await this.#archive.close();
  }
}
