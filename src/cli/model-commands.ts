import type { Command } from 'commander';
import { loadConfig } from '../config/load-config.js';
import { MenagerieError } from '../core/errors.js';
import { commands } from './commands.js';
import { positiveInteger } from './shared/flag-values.js';
import type { CommandIo, ExitCode } from './shared/io.js';
import { ENGINE_SETTINGS, MODEL_SETTINGS, withSettings } from './shared/setting-flags.js';

/** The commands that list the models on disk, and add, change and remove them. @param run runs a command for its exit status */
export function addModelCommands(
  program: Command,
  run: (action: () => Promise<ExitCode>) => Promise<void>,
  io: CommandIo,
): void {
  withSettings(program.command('list'), MODEL_SETTINGS)
    .description('List the models with size, accuracy, and whether the weights are on this machine.')
    .option('--json', 'print JSON', false)
    .action(({ json, ...flags }) => run(() => commands.list(loadConfig(io.env, flags), { json }, io)));

  withSettings(program.command('pull'), [...MODEL_SETTINGS, 'modelMirror'])
    .description(
      'Fetch the weights of models. Interrupted pulls continue, and every file is verified before it is used.',
    )
    .argument('[id...]', 'ids of models')
    .option('--variant <name>', "fp32, int8, or all; default: the model's own")
    .option('--all', 'pull every model', false)
    .action((ids: string[], { variant, all, ...flags }) => {
      if (!all && ids.length === 0) throw new MenagerieError('usage', 'Name the models to pull, or use --all.');
      return run(() => commands.pullModels(ids, { variant, all }, loadConfig(io.env, flags), io));
    });

  withSettings(program.command('add'), ENGINE_SETTINGS)
    .description(
      'Find out how to feed a network, by trying the usual ways on pictures whose class is known, and make it a model.',
    )
    .argument('<file.onnx>', 'the network')
    .option('--data <path>', 'labelled pictures, as for eval: at least 20 of 8 classes')
    .option('--labels <file>', 'the class names, one per line in the order of the scores; default: found by the data')
    .option('--id <id>', "the model's name; default: that of the file")
    .option(
      '--to <folder>',
      'model directory to write to; default: the first of MODEL_DIRS, or else that of trained models',
    )
    .option('--force <name>', 'take this preparation, whatever the pictures say')
    .option('--output <name>', 'the output with the scores; default: the first that can have them')
    .option('--side <pixels>', 'height and width of the input, if the file leaves them open', positiveInteger)
    .option(
      '--limit <n>',
      'largest number of pictures to try; of more than 200 only if they do not decide',
      positiveInteger,
      1000,
    )
    .option('--licence <spdx>', 'licence of the weights', 'NOASSERTION')
    .option('--json', 'print JSON', false)
    .addHelpText(
      'after',
      '\nExit status 3: no preparation is better than the others beyond chance, and nothing was written.',
    )
    .action((file: string, { data, labels, id, to, force, output, side, limit, licence, json, ...flags }) => {
      const options = { data, labels, id, to, force, output, side, limit, licence, json };
      return run(() => commands.add(file, options, loadConfig(io.env, flags), io));
    });

  withSettings(program.command('rollback'), ENGINE_SETTINGS)
    .description('Bring back the version before of a trained model. The same command again undoes this.')
    .argument('<id>', 'a model of the data directory')
    .option('--json', 'print JSON', false)
    .action((id: string, { json, ...flags }) =>
      run(() => commands.rollback(id, { json }, loadConfig(io.env, flags), io)),
    );

  withSettings(program.command('remove'), MODEL_SETTINGS)
    .description('Remove a trained model with all its versions.')
    .argument('<id>', 'a model of the data directory that no ensemble and no setting names')
    .option('--json', 'print JSON', false)
    .action((id: string, { json, ...flags }) =>
      run(() => commands.remove(id, { json }, loadConfig(io.env, flags), io)),
    );
}
