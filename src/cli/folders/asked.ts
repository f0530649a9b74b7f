import { readFile } from 'node:fs/promises';
import type { Listing } from '../../serving/answering/predictions.js';
import type { Question } from '../../serving/asking/question.js';
import type { Target } from '../../serving/asking/target.js';
import { systemCode } from '../../system/errors.js';
import { writeWhole } from '../../system/whole-file.js';
import type { KeywordOptions } from './keywords.js';
import { cannotContinue } from './result-lines.js';
import type { Shard } from './shard.js';

/** What decides the results of a file: two runs with the same may write into one file. Plain data, written as JSON. */
export type AskedOfFile = Record<string, unknown>;

/** Describes the question behind a file of results. */
export function askedOfFile(
  question: Question,
  { ensemble, members }: Target,
  listing: Listing,
  shard: Shard | undefined,
  xmp: KeywordOptions | undefined,
): AskedOfFile {
  return {
    models: members.map(({ model: { id, variant, version }, weight }) => ({ id, variant, version, weight })),
    combine: ensemble?.combine ?? null,
    crops: question.crops ?? 'each its own',
    tta: question.augmentation,
    seed: question.seed,
    average: question.average,
    auto_orient: question.autoOrient,
    top_k: listing.topK,
    min_score: listing.minScore,
    group: question.group ?? null,
    shard: shard ? `${shard.part}/${shard.of}` : null,
    xmp: xmp ? { names: xmp.names, min_score: xmp.minScore } : null,
  };
}

/** The file beside the results that says what was asked. */
export function askedPath(results: string): string {
  return `${results}.asked.json`;
}

/**
 * Checks that results belong to the same question, or, if there are none yet, writes down the question.
 * @param empty whether there are no results yet
 * @throws MenagerieError `usage` naming what differs; `io_error`
 */
export async function checkAsked(results: string, asked: AskedOfFile, empty: boolean): Promise<void> {
  const path = askedPath(results);
  if (empty) {
    await writeWhole(path, (handle) => handle.writeFile(`${JSON.stringify(asked, null, 2)}\n`));
    return;
  }
  const before = await readBefore(results, path);
  const differing = [...new Set([...Object.keys(before), ...Object.keys(asked)])].flatMap((name) => {
    const [was, is] = [JSON.stringify(before[name]), JSON.stringify(asked[name])];
    return was === is ? [] : [`${name} was ${was}, now ${is}`];
  });
  if (differing.length > 0) throw cannotContinue(results, `${differing.join('; ')}. Name another file.`);
}

async function readBefore(results: string, path: string): Promise<AskedOfFile> {
  try {
    return await readAsked(results);
  } catch (error) {
    const why = systemCode(error) === 'ENOENT' ? 'is not there' : 'cannot be read';
    throw cannotContinue(results, `${path}, which says what was asked, ${why}. Name another file.`);
  }
}

/** What was asked when results were written. @throws system errors; an error if it is not JSON */
export async function readAsked(results: string): Promise<AskedOfFile> {
  const found: unknown = JSON.parse(await readFile(askedPath(results), 'utf8'));
  if (typeof found === 'object' && found !== null) return { ...found };
  throw new Error('it is not an object');
}
