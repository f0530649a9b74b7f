import { crc32 } from 'node:zlib';
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { MenagerieError } from '../../core/errors.js';
import { invalidData } from '../../datasets/labelled-picture.js';
import { isSystemError } from '../../system/errors.js';
import { quotedPath } from './picture-path.js';
import type { PictureSink } from './picture-sink.js';

/** The kind of file in the mode that Unix gives it (stat(2)), which is the upper half of the external attributes. */
const KIND = 0o170000;
const REGULAR = 0o100000;
const FOLDER = 0o040000;

/**
 * Writes the files of a zip archive into a sink.
 * @throws MenagerieError `invalid_data` if it is damaged or encrypted, or holds links; errors of the sink; system errors; the signal's reason
 */
export async function unpackZip(file: string, sink: PictureSink, signal: AbortSignal): Promise<void> {
  let zip: ZipFile | undefined;
  try {
    zip = await openPromise(file, { autoClose: false, strictFileNames: true });
    for await (const entry of zip.eachEntry()) {
      signal.throwIfAborted();
      await unpackEntry(zip, entry, sink, signal);
    }
  } catch (error) {
    if (signal.aborted || error instanceof MenagerieError || isSystemError(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw invalidData(`The zip archive cannot be read: ${reason.slice(0, 200)}.`);
  } finally {
    zip?.close();
  }
}

async function unpackEntry(zip: ZipFile, entry: Entry, sink: PictureSink, signal: AbortSignal): Promise<void> {
  const name = nameOf(entry);
  const kind = (entry.externalFileAttributes >>> 16) & KIND;
  if (![0, REGULAR, FOLDER].includes(kind)) {
    throw invalidData(`The zip archive holds ${quotedPath(name)}, which is no file or folder.`);
  }
  if (name.endsWith('/')) {
    sink.pass(name);
    return;
  }
  if (!sink.begin(name)) return;
  let crc = 0;
  for await (const chunk of await zip.openReadStreamPromise(entry)) {
    signal.throwIfAborted();
    crc = crc32(chunk, crc);
    sink.count(chunk.length);
    sink.add(chunk);
    await sink.settle();
  }
  if (crc !== entry.crc32) throw invalidData(`The zip archive is damaged at ${quotedPath(name)}.`);
  sink.end();
  await sink.settle();
}

/** A file's name. Many programs write UTF-8 without saying so; what is not UTF-8 is what the format says. */
function nameOf({ fileName, fileNameRaw }: Entry): string {
  const text = fileNameRaw.toString('utf8');
  return text.includes('\ufffd') ? fileName : text;
}
