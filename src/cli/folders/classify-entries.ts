import type { Engine } from '../../app/engine.js';
import { type MenagerieError, toMenagerieError } from '../../core/errors.js';
import type { Entry } from '../../datasets/walk.js';
import { answerJson } from '../../http/rest/answer-json.js';
import type { Listing } from '../../serving/answering/predictions.js';
import type { Question } from '../../serving/asking/question.js';
import { writeKeywords } from '../../sidecars/sidecar.js';
import { askAbout } from '../shared/ask.js';
import { type CommandIo, writeOut } from '../shared/io.js';
import { FolderProgress } from './folder-progress.js';
import type { BackgroundCount } from './inputs.js';
import { type KeywordOptions, keywordsOf, modelText } from './keywords.js';
import { type Looked, type LookOptions, lookAtAll } from './look-at.js';
import { type FileResult, type ResultFormat, resultText } from './result-lines.js';
import type { ResultsFile } from './results-file.js';
import type { Tally } from './tally.js';

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

/** An answer, and the keywords that it makes. */
interface Told {
  answer: ReturnType<typeof answerJson>;
  keywords: { words: string[]; model: string } | undefined;
  error?: never;
}

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
  const progress = new FolderProgress(io.err, 'classifying');
  const look: LookOptions<Told> = {
    workers: engine.pool.size,
    maxBytes: options.maxBytes,
    earlier: results,
    answer: (read) => tell(read, options, engine),
  };
  for await (const looked of lookAtAll(entries, look, { tally, count, progress }, io.signal)) {
    const result = await withSidecar(looked, options.xmp);
    const text = resultText(result, options.format);
    if (results) await results.append(looked.file, text);
    else {
      progress.clear();
      await writeOut(io, text);
    }
    tally.add(looked.file, result.error?.code);
  }
}

async function tell(
  read: () => Promise<Uint8Array>,
  { question, listing, xmp }: EntriesOptions,
  { classifier }: Engine,
): Promise<Told | { error: MenagerieError }> {
  const outcome = await askAbout(read, question, classifier);
  if (outcome.error) return outcome;
  const { target } = outcome.classification;
  const answer = answerJson(outcome.answer, outcome.classification, listing);
  return { answer, keywords: xmp && { words: keywordsOf(answer, xmp.minScore), model: modelText(target) } };
}

/** Writes the sidecar, if there is to be one. If it cannot be written, that is the result. */
async function withSidecar(
  { entry, file, result }: Looked<Told>,
  xmp: KeywordOptions | undefined,
): Promise<FileResult> {
  if (result.error) return { file, error: result.error };
  const { answer, keywords } = result;
  if (!xmp || !keywords) return { file, answer };
  try {
    await writeKeywords(entry.path, xmp.names, keywords.words, keywords.model);
    return { file, answer };
  } catch (error) {
    return { file, error: toMenagerieError(error) };
  }
}
