import { basename } from 'node:path';
import { addAbortSignal } from 'node:stream';
import { createEngine, type Engine, unbounded } from '../../app/engine.js';
import { loadAsked } from '../../app/models-to-load.js';
import type { Config } from '../../config/load-config.js';
import { MenagerieError } from '../../core/errors.js';
import type { Listing } from '../../serving/answering/predictions.js';
import type { Question } from '../../serving/asking/question.js';
import { askedOfFile } from '../folders/asked.js';
import { classifyEntries } from '../folders/classify-entries.js';
import { assertAnyThere, BackgroundCount, entriesOf, pathsFrom } from '../folders/inputs.js';
import type { KeywordOptions } from '../folders/keywords.js';
import { CSV_HEADER, type ResultFormat } from '../folders/result-lines.js';
import { ResultsFile } from '../folders/results-file.js';
import type { Shard } from '../folders/shard.js';
import { Tally } from '../folders/tally.js';
import { withDefaultModel } from '../shared/default-model.js';
import { type CommandIo, type ExitCode, statusOfStop, writeOut } from '../shared/io.js';

export interface ClassifyCommandOptions {
  question: Question;
  /** Variant of every network; undefined: each model's default. */
  variant: string | undefined;
  listing: Listing;
  /** Form of what is printed. */
  format: ResultFormat;
  /** File to append results to, `.csv` or `.jsonl`; undefined: they are printed. */
  out: string | undefined;
  /** Whether files that failed are done again. */
  retryFailed: boolean;
  /** Whether the status is 0 although files failed. */
  failedOk: boolean;
  /** Whether paths are read from the input as well, and whether NUL bytes end them. */
  stdin: boolean;
  null: boolean;
  shard: Shard | undefined;
  xmp: KeywordOptions | undefined;
}

/**
 * `menagerie classify <files or folders...>`: classifies pictures in this process as the server would over HTTP, and writes the
 * results in the order in which `walk` finds the files. A file that fails is reported and makes the exit status 1.
 * @throws MenagerieError `usage` if there are no pictures, `file_missing`, `io_error`; errors of loading
 */
export async function classify(
  paths: readonly string[],
  options: ClassifyCommandOptions,
  config: Config,
  io: CommandIo,
): Promise<ExitCode> {
  if (paths.length === 0 && !options.stdin) throw new MenagerieError('usage', 'Name files or folders, or use --stdin.');
  if (options.retryFailed && options.out === undefined) {
    throw new MenagerieError('usage', '--retry-failed needs --out: what failed is written there.');
  }
  const format = formatOf(options);
  await assertAnyThere(paths);
  const engine = await createEngine({ config: unbounded(config), env: io.env });
  try {
    const question = await withDefaultModel(options.question, engine.repository, config);
    await loadAsked(engine, question.asked, options.variant);
    const asked = { ...options, question, format };
    const results = options.out === undefined ? undefined : await openResults(options.out, asked, engine, io);
    try {
      if (!results && format === 'csv') await writeOut(io, CSV_HEADER);
      return await classifyPaths(paths, asked, engine, results, config, io);
    } finally {
      await results?.close();
    }
  } finally {
    await engine.stop();
  }
}

async function classifyPaths(
  paths: readonly string[],
  options: ClassifyCommandOptions,
  engine: Engine,
  results: ResultsFile | undefined,
  { maxBytes }: Config,
  io: CommandIo,
): Promise<ExitCode> {
  const tally = results?.tally ?? new Tally();
  const earlier = tally.done;
  // How many come from the input is not known before they are there.
  const own = options.out === undefined ? [] : ResultsFile.namesFor(basename(options.out));
  const found = { shard: options.shard, own };
  const count = new BackgroundCount(options.stdin ? undefined : entriesOf(paths.map(asBytes), found));
  try {
    const entries = entriesOf(allPaths(paths, options, io), found);
    await classifyEntries(entries, { ...options, maxBytes }, engine, { results, tally, count }, io);
  } finally {
    count.stop();
  }
  if (tally.done === 0 && !io.signal.aborted && !options.shard && !options.stdin) {
    io.err.write(tally.details());
    throw new MenagerieError('usage', `There are no pictures in ${paths.join(', ')}.`);
  }
  const interrupted = io.signal.aborted;
  if (options.out !== undefined) {
    const before = earlier > 0 ? ` ${earlier} of these are from before.` : '';
    io.err.write(`${options.out}: ${tally.classified} classified, ${tally.failed} failed.${before}\n`);
  }
  if (tally.failed > 0) io.err.write(`${tally.failed} of ${tally.done} files could not be classified.\n`);
  io.err.write(tally.details());
  if (interrupted && options.out !== undefined) io.err.write('Interrupted. The same command goes on from here.\n');
  if (interrupted) return statusOfStop(io.signal);
  return tally.failed > 0 && !options.failedOk ? 1 : 0;
}

function formatOf({ out, format }: ClassifyCommandOptions): ResultFormat {
  if (out === undefined) return format;
  if (/\.csv$/i.test(out)) return 'csv';
  if (/\.(jsonl|ndjson)$/i.test(out)) return 'json';
  throw new MenagerieError('usage', `--out: ${out} must end with .csv or .jsonl, which says what to write.`);
}

async function openResults(
  path: string,
  { question, listing, format, shard, xmp, retryFailed }: ClassifyCommandOptions,
  { classifier }: Engine,
  io: CommandIo,
): Promise<ResultsFile> {
  if (format === 'csv' && listing.minScore > 0) {
    // Only then does every picture have as many rows as the others, so that a cut one is found.
    throw new MenagerieError('usage', '--min-score does not go with --out and CSV: write .jsonl instead.');
  }
  const { target, grouping } = await classifier.estimate(question, 1);
  return ResultsFile.open(
    {
      path,
      format: format === 'csv' ? 'csv' : 'json',
      asked: askedOfFile(question, target, listing, shard, xmp),
      rows: Math.min(listing.topK, (grouping?.groups ?? target.labels).length),
      // Only in the first part, so that the parts put together are one table.
      header: !shard || shard.part === 1,
      retryFailed,
    },
    io.signal,
  );
}

async function* allPaths(
  paths: readonly string[],
  options: ClassifyCommandOptions,
  io: CommandIo,
): AsyncGenerator<Buffer> {
  yield* paths.map(asBytes);
  if (options.stdin) yield* pathsFrom(addAbortSignal(io.signal, io.input()), options.null, io.signal);
}

function asBytes(path: string): Buffer {
  return Buffer.from(path);
}
