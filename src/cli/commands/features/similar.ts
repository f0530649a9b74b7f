import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../../../config/load-config.js';
import { concatenated } from '../../../core/concatenate.js';
import { MenagerieError } from '../../../core/errors.js';
import type { Question } from '../../../serving/asking/question.js';
import {
  askedOfFeatures,
  computeFeatures,
  questionOfFeatures,
  type Ready,
  withFeatures,
} from '../../features/compute.js';
import { RowsInMemory, StoredFeatures } from '../../features/feature-table.js';
import { namesPath } from '../../features/features-file.js';
import { type NamedFeatures, tellNearest, tellPairs } from '../../features/tell.js';
import { Tally } from '../../folders/tally.js';
import { type CommandIo, type ExitCode, statusOfStop } from '../../shared/io.js';

export interface SimilarCommandOptions {
  question: Question;
  variant: string | undefined;
  /** A `.npy` file that `menagerie features` wrote; undefined: the pictures are compared with each other. */
  in: string | undefined;
  /** The file of its names; default: the one beside it. */
  names: string | undefined;
  /** Number of neighbours of a picture. */
  top: number;
  /** Least cosine of a pair. */
  min: number;
  /** Most pairs. */
  most: number;
  json: boolean;
}

/** Pictures that are looked up in one search. */
const QUERIES_AT_ONCE = 256;
/** Most values in memory: 1 GiB. */
const MOST_VALUES = 2 ** 28;

/**
 * `menagerie similar <pictures...> --in f.npy`: the most similar pictures of a file for each. `menagerie similar --in f.npy` and
 * `menagerie similar <folder>`: pairs of similar pictures.
 * @throws MenagerieError `usage`, `invalid_data` for a file that cannot be searched, or was made by other weights; errors of loading
 */
export async function similar(
  paths: readonly string[],
  options: SimilarCommandOptions,
  config: Config,
  io: CommandIo,
): Promise<ExitCode> {
  if (options.in === undefined) {
    if (paths.length === 0) throw new MenagerieError('usage', 'Name pictures or folders, or a file with --in.');
    return await pairsOfPictures(paths, options, config, io);
  }
  const found = await StoredFeatures.open(options.in, options.names ?? namesPath(options.in));
  try {
    if (paths.length > 0) return await lookUp(paths, found, options.in, options, config, io);
    return await tellPairs(found, (indices) => found.names(indices), options, io);
  } finally {
    await found.close();
  }
}

async function lookUp(
  paths: readonly string[],
  rows: StoredFeatures,
  path: string,
  options: SimilarCommandOptions,
  config: Config,
  io: CommandIo,
): Promise<ExitCode> {
  const { question, variant, asked } = await questionOfFeatures(path);
  return await withFeatures(question, variant, config, io, async (ready) => {
    const now = askedOfFeatures(ready);
    if (!isDeepStrictEqual(asked, JSON.parse(JSON.stringify(now)))) {
      const what = `${path} cannot be searched: it was made with ${JSON.stringify(asked.model)}, here is ${JSON.stringify(now.model)}.`;
      throw new MenagerieError('invalid_data', what);
    }
    const tally = new Tally();
    let waiting: NamedFeatures[] = [];
    const flush = async () => {
      await tellNearest(waiting, rows, options, io);
      waiting = [];
    };
    for await (const { file, features } of computed(paths, ready, config, tally, io)) {
      waiting.push({ file, features });
      if (waiting.length === QUERIES_AT_ONCE) await flush();
    }
    await flush();
    return statusOf(tally, paths, io);
  });
}

/** Computes the features of pictures and compares them with each other. */
async function pairsOfPictures(
  paths: readonly string[],
  options: SimilarCommandOptions,
  config: Config,
  io: CommandIo,
): Promise<ExitCode> {
  const tally = new Tally();
  const named: NamedFeatures[] = [];
  await withFeatures(options.question, options.variant, config, io, async (ready) => {
    for await (const { file, features } of computed(paths, ready, config, tally, io)) {
      named.push({ file, features });
      if (named.length * features.length <= MOST_VALUES) continue;
      const advice =
        'Write them with `menagerie features --out f.npy`, then compare them with `menagerie similar --in f.npy`.';
      throw new MenagerieError('usage', `The features of more than ${named.length - 1} pictures do not fit. ${advice}`);
    }
  });
  const status = statusOf(tally, paths, io);
  const [first] = named;
  if (!first || io.signal.aborted) return status;
  const rows = new RowsInMemory(concatenated(named.map(({ features }) => features)), first.features.length);
  const namesOf = async (indices: ReadonlySet<number>) => {
    return new Map([...indices].map((index) => [index, named[index]?.file ?? ''] as const));
  };
  await tellPairs(rows, namesOf, options, io);
  return status;
}

async function* computed(
  paths: readonly string[],
  ready: Ready,
  { maxBytes }: Config,
  tally: Tally,
  io: CommandIo,
): AsyncGenerator<NamedFeatures> {
  const options = { paths, own: [], earlier: undefined, maxBytes, tally };
  for await (const { file, features } of computeFeatures(ready, options, io)) yield { file, features: features.mean };
}

/** @throws MenagerieError `usage` if there were no pictures */
function statusOf(tally: Tally, paths: readonly string[], io: CommandIo): ExitCode {
  if (tally.failed > 0) io.err.write(`${tally.failed} of ${tally.done} files failed.\n`);
  io.err.write(tally.details());
  if (io.signal.aborted) return statusOfStop(io.signal);
  if (tally.done === 0) throw new MenagerieError('usage', `There are no pictures in ${paths.join(', ')}.`);
  return tally.failed > 0 ? 1 : 0;
}
