import { Parser, type ReadEntry } from 'tar';
import { invalidData } from '../../datasets/labelled-picture.js';
import { quotedPath } from './picture-path.js';
import type { PictureSink } from './picture-sink.js';

/** Bytes of a block. An archive begins with one that describes its first file. */
const BLOCK = 512;
const CHECKSUM = { from: 148, to: 156 };
const FILES: ReadonlySet<string> = new Set(['File', 'OldFile', 'ContiguousFile']);
const FOLDERS: ReadonlySet<string> = new Set(['Directory', 'GNUDumpDir']);

/**
 * Writes the files of a tar archive into a sink.
 * @param chunks the archive, not compressed
 * @throws MenagerieError `invalid_data` if it is damaged, or holds links, devices or sparse files; errors of the sink and of `chunks`
 */
export async function unpackTar(chunks: AsyncIterable<Uint8Array>, sink: PictureSink): Promise<void> {
  const faults: unknown[] = [];
  /** What is thrown inside the parser would be lost in some places. */
  const guarded = (step: () => void) => {
    try {
      if (faults.length === 0) step();
    } catch (error) {
      faults.push(error);
    }
  };
  const parser = new Parser({ strict: true, onReadEntry: (entry) => guarded(() => tell(entry, sink, guarded)) });
  parser.on('ignoredEntry', (entry: ReadEntry) => faults.push(notAFile(entry)));
  parser.on('meta', (text: string) => {
    if (text.includes('GNU.sparse')) faults.push(invalidData('The tar archive holds a sparse file.'));
  });
  parser.on('error', (error: Error) => faults.push(invalidData(`The tar archive is damaged: ${error.message}.`)));
  for await (const chunk of fromFirstBlock(chunks)) {
    sink.count(chunk.length);
    parser.write(chunk);
    if (faults.length > 0) throw faults[0];
    await sink.settle();
  }
  parser.end();
  if (faults.length > 0) throw faults[0];
  await sink.settle();
}

/** Tells the sink what an entry holds, as it is parsed. */
function tell(entry: ReadEntry, sink: PictureSink, guarded: (step: () => void) => void): void {
  if (FOLDERS.has(entry.type)) sink.pass(entry.path);
  else if (FILES.has(entry.type)) sink.begin(entry.path);
  else throw notAFile(entry);
  entry.on('data', (bytes) => guarded(() => sink.add(bytes)));
  entry.on('end', () => guarded(() => sink.end()));
}

function notAFile({ path, type }: ReadEntry): Error {
  return invalidData(`The tar archive holds ${quotedPath(path)}, which is no file or folder (${type}).`);
}

/**
 * The same chunks, if they begin as a tar archive does. The parser would inflate anything that looks compressed, without limits.
 * @throws MenagerieError `invalid_data`
 */
async function* fromFirstBlock(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  let begun = false;
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    if (begun) {
      yield bytes;
      continue;
    }
    head = Buffer.concat([head, bytes]);
    if (head.length < BLOCK) continue;
    if (!isTarHead(head)) break;
    begun = true;
    yield head;
  }
  if (!begun) throw invalidData('What is compressed is no tar archive.');
}

/** Whether bytes begin with the head of a file in a tar archive: by its checksum, which counts itself as spaces. */
export function isTarHead(bytes: Uint8Array): boolean {
  if (bytes.length < BLOCK) return false;
  const head = Buffer.from(bytes.subarray(0, BLOCK));
  const stated = Number.parseInt(head.toString('latin1', CHECKSUM.from, CHECKSUM.to).trim(), 8);
  head.fill(' ', CHECKSUM.from, CHECKSUM.to);
  return stated === head.reduce((sum, byte) => sum + byte, 0);
}
