import type { Engine } from '../../app/engine.js';
import { MenagerieError, toMenagerieError } from '../../core/errors.js';
import { isCameraRaw, isPicture } from '../../datasets/image-files.js';
import type { Entry, LeftOut } from '../../datasets/walk.js';
import { answerJson } from '../../http/rest/answer-json.js';
import type { Listing } from '../../serving/answering/predictions.js';
import type { Question } from '../../serving/asking/question.js';
import { writeKeywords } from '../../sidecars/sidecar.js';
import { ioError } from '../../system/errors.js';
import { pathText } from '../../system/paths.js';
import { readRegular } from '../../system/regular-file.js';
import { askAbout } from '../shared/ask.js';
import { inOrder } from '../../core/queues/in-order.js';
import { type CommandIo, writeOut } from '../shared/io.js';
import { FolderProgress } from './folder-progress.js';
import type { BackgroundCount } from './inputs.js';
import { type KeywordOptions, keywordsOf, modelText } from './keywords.js';
import { type FileResult, type ResultFormat, resultText } from './result-lines.js';
import type { ResultsFile } from './results-file.js';
import type { Tally } from './tally.js';

/** Files in progress per worker: one that is computed, and one that waits. */
const FILES_PER_WORKER = 2;

export interface EntriesOptions {
  question: Question;
  listing: Listing;
  format: ResultFormat;
  xmp: KeywordOptions | undefined;
  /** Most bytes of a file. */
  maxBytes: number;
}

/** Where results go: into a file, else to the output. */
export interface Destination {
  results: ResultsFile | undefined;
  tally: Tally;
  count: BackgroundCount;
}

/** What became of an entry. */
type Looked = { entry: Entry; file: string } & (
  | { kind: 'earlier' }
  | { kind: 'left out'; reason: LeftOut }
  | { kind: 'result'; result: FileResult; keywords: { words: string[]; model: string } | undefined }
);

/**
 * Classifies what was found, and writes the results in its order. Ends early when the command is stopped: files in progress are
 * finished and written.
 * @throws MenagerieError `io_error` if results cannot be written; errors of `entries`
 */
export async function classifyEntries(
  entries: AsyncIterable<Entry>,
  options: EntriesOptions,
  engine: Engine,
  { results, tally, count }: Destination,
  io: CommandIo,
): Promise<void> {
  const progress = new FolderProgress(io.err);
  let done = 0;
  try {
    const width = FILES_PER_WORKER * engine.pool.size;
    const look = (entry: Entry) => lookAt(entry, options, engine, results);
    for await (const looked of inOrder(untilStopped(entries, io.signal), width, look)) {
      const { file } = looked;
      // A file that was named twice may have been done meanwhile.
      const earlier = looked.kind === 'earlier' || results?.has(file) === true;
      if (looked.kind === 'left out') {
        tally.leaveOut(looked.reason);
        progress.say(`${file}: left out: ${looked.reason}\n`);
      } else if (looked.kind === 'result' && !earlier) {
        const result = await withSidecar(looked.result, looked.entry.path, looked.keywords, options.xmp);
        const text = resultText(result, options.format);
        if (results) await results.append(file, text);
        else {
          progress.clear();
          await writeOut(io, text);
        }
        tally.add(file, result.error?.code);
      }
      progress.update(++done, count.total, earlier);
    }
  } finally {
    progress.clear();
  }
}

async function* untilStopped<T>(items: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  for await (const item of items) {
    if (signal.aborted) return;
    yield item;
  }
}

/** Never rejects. */
async function lookAt(
  entry: Entry,
  options: EntriesOptions,
  { classifier }: Engine,
  results: ResultsFile | undefined,
): Promise<Looked> {
  const { path } = entry;
  const file = pathText(path);
  const found = { entry, file };
  const failed = (error: MenagerieError): Looked => ({
    ...found,
    kind: 'result',
    result: { file, error },
    keywords: undefined,
  });
  try {
    if (entry.leftOut) return { ...found, kind: 'left out', reason: entry.leftOut };
    if (results?.has(file)) return { ...found, kind: 'earlier' };
    if (entry.fault) return failed(ioError('It cannot be read', entry.fault));
    // What cannot be read is reported when it is read.
    if (!(await isPicture(path).catch(() => true))) return { ...found, kind: 'left out', reason: 'not a picture' };
    if (isCameraRaw(file)) return failed(RAW);
    const read = () => readRegular(path, options.maxBytes, 'too_many_bytes');
    const outcome = await askAbout(read, options.question, classifier);
    if (outcome.error) return failed(outcome.error);
    const { target } = outcome.classification;
    const json = answerJson(outcome.answer, outcome.classification, options.listing);
    const keywords = options.xmp && { words: keywordsOf(json, options.xmp.minScore), model: modelText(target) };
    return { ...found, kind: 'result', result: { file, answer: json }, keywords };
  } catch (error) {
    return failed(toMenagerieError(error));
  }
}

const RAW = new MenagerieError(
  'unsupported_image_format',
  'Raw files of cameras are not accepted; export them as JPEG.',
);

/** Writes the sidecar, if there is to be one. If it cannot be written, that is the result. */
async function withSidecar(
  result: FileResult,
  picture: Buffer,
  keywords: { words: string[]; model: string } | undefined,
  xmp: KeywordOptions | undefined,
): Promise<FileResult> {
  if (!xmp || !keywords) return result;
  try {
    await writeKeywords(picture, xmp.names, keywords.words, keywords.model);
    return result;
  } catch (error) {
    return { file: result.file, error: toMenagerieError(error) };
  }
}
