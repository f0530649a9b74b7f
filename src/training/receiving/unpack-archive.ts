import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { addAbortSignal } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { invalidData } from '../../datasets/labelled-picture.js';
import { assertDiskRoom } from '../../system/disk/disk-room.js';
import { ioError, isSystemError } from '../../system/errors.js';
import { readHead } from '../../system/regular-file.js';
import { PictureSink, type ReceivedSet, type ReceiveLimits } from './picture-sink.js';
import { isTarHead, unpackTar } from './unpack-tar.js';
import { unpackZip } from './unpack-zip.js';

const HEAD_BYTES = 512;
const starts = (bytes: Buffer, hex: string) => bytes.toString('hex').startsWith(hex);
/** Archives that are known and not accepted, by how they begin, in hexadecimal. */
const OTHERS: readonly [start: string, name: string][] = [
  ['425a68', 'bzip2'],
  ['fd377a585a00', 'xz'],
  ['28b52ffd', 'zstd'],
  ['377abcaf271c', '7z'],
  ['526172211a07', 'rar'],
];

/**
 * Unpacks an archive of pictures into a folder: zip, tar or tar.gz, whichever its first bytes are.
 * @param folder where its files go; it must exist, and be removed by the caller if this fails
 * @throws MenagerieError `invalid_data` if it is no such archive, damaged, or holds what is not accepted; `too_many_bytes`,
 *   `too_many_images`, `too_little_disk`, `io_error`; the signal's reason when aborted
 */
export async function unpackArchive(
  file: string,
  folder: string,
  limits: ReceiveLimits,
  signal: AbortSignal,
): Promise<ReceivedSet> {
  const { size } = await stat(file);
  const sink = new PictureSink(folder, limits, size);
  try {
    await assertDiskRoom(folder, size, 'The pictures');
    const head = await readHead(Buffer.from(file), HEAD_BYTES);
    if (starts(head, '504b0304') || starts(head, '504b0506')) await unpackZip(file, sink, signal);
    else if (starts(head, '1f8b')) await unpackTar(inflated(file, signal), sink);
    else if (isTarHead(head)) await unpackTar(addAbortSignal(signal, createReadStream(file)), sink);
    else throw notAnArchive(head);
  } catch (error) {
    signal.throwIfAborted();
    throw isSystemError(error) ? ioError('cannot unpack the pictures', error) : error;
  } finally {
    await sink.close();
  }
  return sink.received;
}

/** @throws MenagerieError `invalid_data` if it is not gzip, or damaged */
async function* inflated(file: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const source = createReadStream(file);
  const gunzip = addAbortSignal(signal, createGunzip());
  // Its errors are those of reading the file.
  source.on('error', (error) => gunzip.destroy(error));
  try {
    yield* source.pipe(gunzip);
  } catch (error) {
    if (signal.aborted || isSystemError(error)) throw error;
    throw invalidData('The gzip data of the archive is damaged or ends early.');
  } finally {
    source.destroy();
  }
}

function notAnArchive(head: Buffer): Error {
  const known = OTHERS.find(([start]) => starts(head, start))?.[1];
  const what =
    known === undefined
      ? 'The body is neither a form nor an archive'
      : `Archives of the kind ${known} are not accepted`;
  return invalidData(`${what}; send a zip, tar or tar.gz file with the pictures in folders of their classes.`);
}
