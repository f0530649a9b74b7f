import { basename } from 'node:path';
import type { Config } from '../../../config/load-config.js';
import { MenagerieError } from '../../../core/errors.js';
import type { Question } from '../../../serving/asking/question.js';
import { askedOfFeatures, computeFeatures, withFeatures } from '../../features/compute.js';
import { FeaturesFile, namesPath } from '../../features/features-file.js';
import { Tally } from '../../folders/tally.js';
import { type CommandIo, type ExitCode, statusOfStop } from '../../shared/io.js';

export interface FeaturesCommandOptions {
  question: Question;
  variant: string | undefined;
  /** The `.npy` file. */
  out: string;
  /** Whether the status is 0 although files failed. */
  failedOk: boolean;
}

/**
 * `menagerie features <files or folders...> --out f.npy`: writes a row of features for each picture, and the path of each to `f.txt`.
 * The same command continues the files where it stopped.
 * @throws MenagerieError `usage` if there are no pictures, or the files hold other features; `file_missing`, `io_error`; errors of
 *   loading
 */
export async function features(
  paths: readonly string[],
  { question: asked, variant, out, failedOk }: FeaturesCommandOptions,
  config: Config,
  io: CommandIo,
): Promise<ExitCode> {
  const names = namesPath(out);
  return await withFeatures(asked, variant, config, io, async (ready) => {
    const tally = new Tally();
    const shape = ready.target.featureShape ?? [];
    const file = await FeaturesFile.open({ path: out, shape, asked: askedOfFeatures(ready) }, io.signal);
    const before = file.count;
    try {
      const own = FeaturesFile.namesFor(basename(out));
      const options = { paths, own, earlier: file, maxBytes: config.maxBytes, tally };
      for await (const found of computeFeatures(ready, options, io)) await file.append(found.file, found.features.mean);
    } finally {
      await file.close();
    }
    const { aborted } = io.signal;
    if (file.count === 0 && tally.done === 0 && !aborted) {
      io.err.write(tally.details());
      throw new MenagerieError('usage', `There are no pictures in ${paths.join(', ')}.`);
    }
    const earlier = before > 0 ? `, ${before} of them from before` : '';
    io.err.write(`${out}: ${file.count} rows of ${shape.join('x')}${earlier}. Their pictures: ${names}.\n`);
    if (tally.failed > 0) io.err.write(`${tally.failed} of ${tally.done} files failed.\n`);
    io.err.write(tally.details());
    if (aborted) io.err.write('Interrupted. The same command goes on from here.\n');
    if (aborted) return statusOfStop(io.signal);
    return tally.failed > 0 && !failedOk ? 1 : 0;
  });
}
