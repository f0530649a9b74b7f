import { type Command, Option } from 'commander';
import { loadConfig } from '../config/load-config.js';
import { commands } from './commands.js';
import { positiveInteger, score } from './shared/flag-values.js';
import type { CommandIo, ExitCode } from './shared/io.js';
import { splitFeatureFlags, withFeatureFlags } from './shared/question-flags.js';
import { ENGINE_SETTINGS, withSettings } from './shared/setting-flags.js';

/**
 * Declares `features` and `similar`.
 * @param run runs a command and keeps its exit status
 */
export function declareFeatures(
  program: Command,
  run: (action: () => Promise<ExitCode>) => Promise<void>,
  io: CommandIo,
): void {
  withFeatureFlags(withSettings(program.command('features'), ENGINE_SETTINGS))
    .description('Compute the features of pictures: what a network sees in them before it tells classes.')
    .argument('<path...>', 'files or folders, with all their sub-folders')
    .requiredOption(
      '--out <file.npy>',
      'array with a row for each picture, and file.txt with their paths; the same command continues both where it stopped',
    )
    .option('--failed-ok', 'exit with 0 although files failed', false)
    .action((paths: string[], { variant, out, failedOk, ...rest }) => {
      const { question, flags } = splitFeatureFlags(rest);
      return run(() => commands.features(paths, { question, variant, out, failedOk }, loadConfig(io.env, flags), io));
    });

  withFeatureFlags(withSettings(program.command('similar'), ENGINE_SETTINGS))
    .description(
      'Find similar pictures by the cosine of their features: for each picture the nearest of a file of features, or the pairs within a file or folder.',
    )
    .argument('[path...]', 'pictures to look up with --in; else pictures or folders to compare with each other')
    .addOption(
      new Option('--in <file.npy>', 'a file that `menagerie features` wrote').conflicts([
        'model',
        'layer',
        'variant',
        'crops',
        'tta',
      ]),
    )
    .option('--names <file.txt>', 'the names of its rows; default: the .txt file beside it')
    .option('-k, --top-k <n>', 'number of similar pictures for each', positiveInteger, 5)
    .option('--min <cosine>', 'least similarity of a pair, 0 to 1', score, 0.9)
    .option('--limit <n>', 'largest number of pairs', positiveInteger, 1000)
    .option('--json', 'print one JSON object per line', false)
    .action((paths: string[], { variant, in: file, names, topK: top, min, limit: most, json, ...rest }) => {
      const { question, flags } = splitFeatureFlags(rest);
      const options = { question, variant, in: file, names, top, min, most, json };
      return run(() => commands.similar(paths, options, loadConfig(io.env, flags), io));
    });
}
