import { type Command, InvalidArgumentError, Option } from 'commander';
import { loadConfig } from '../config/load-config.js';
import { DEPTHS } from '../training/tail/choose-depth.js';
import { commands } from './commands.js';
import { wholeNumber } from './shared/flag-values.js';
import type { CommandIo, ExitCode } from './shared/io.js';
import { ENGINE_SETTINGS, withSettings } from './shared/setting-flags.js';

/** The commands that train. @param run runs a command for its exit status */
export function addTrainingCommands(
  program: Command,
  run: (action: () => Promise<ExitCode>) => Promise<void>,
  version: string,
  io: CommandIo,
): void {
  withSettings(program.command('transfer'), [...ENGINE_SETTINGS, 'featureCache'])
    .description('Train a model of your own: a network that is there learns the classes of your pictures.')
    .argument('<base>', 'the model to begin with, such as efficientnet-lite2')
    .requiredOption(
      '--data <folder>',
      'a folder with a folder of pictures for each class; it may have parts train and val',
    )
    .option('--val <folder>', 'the same, with pictures that only measure')
    .requiredOption('--id <id>', 'id of the new model; a model that was trained here before is replaced')
    .option('--title <text>', 'name to display')
    .option('--variant <name>', "fp32 or int8; default: the base's own")
    .addOption(
      new Option(
        '--depth <depth>',
        'what learns: a new classifier, also the last block or stage if that answers held-out pictures better, or what suits',
      )
        .choices(DEPTHS)
        .default('head'),
    )
    .option(
      '--augment <list>',
      'distort pictures while the model learns: mirror,crops:1,rotate:10,shear:5,colour:0.1,warp:3',
      '',
    )
    .option('--hidden <sizes>', 'sizes of a hidden layer to try, separated by commas', hiddenSizes, [])
    .option('--seed <n>', 'seed of everything random', wholeNumber, 0)
    .option('--html <file>', 'write the report as a page with pictures')
    .option('--json', 'print the report as JSON', false)
    .action((base: string, { data, val, id, title, variant, depth, augment, hidden, seed, html, json, ...flags }) => {
      const options = { data, val, id, title, variant, depth, augment, hidden, seed, html, json };
      return run(() => commands.trainTransfer(base, options, loadConfig(io.env, flags), version, io));
    });
}

function hiddenSizes(text: string): number[] {
  if (!/^\d{1,4}(,\d{1,4}){0,3}$/.test(text)) throw new InvalidArgumentError('It takes up to 4 numbers, as in 64,256.');
  return text.split(',').map(Number);
}
