import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { InitialWeights } from '../architectures/weights.js';
import { flagOf, loadConfig } from '../config/load-config.js';
import { SETTINGS, type Setting, type SettingName } from '../config/settings.js';
import { MenagerieError, toMenagerieError } from '../core/errors.js';
import { parseShape } from '../core/shape.js';
import type { ReportForm } from '../report/forms.js';
import { ioError, isSystemError } from '../system/errors.js';
import { architecture } from './commands/architecture.js';
import { type ClassifyCommandOptions, classify } from './commands/classify.js';
import { doctor } from './commands/doctor.js';
import { evaluate } from './commands/eval.js';
import { list } from './commands/list.js';
import { pullModels } from './commands/pull.js';
import { serve } from './commands/serve.js';
import { compare, summary } from './commands/summary.js';
import { tune } from './commands/tune.js';
import type { CommandIo, ExitCode } from './shared/io.js';
import { splitViewFlags, withViewFlags } from './shared/question-flags.js';

/** The settings that matter to the commands besides `serve`. */
const ENGINE_SETTINGS: SettingName[] = ['modelDirs', 'device', 'workers', 'threads', 'maxBytes', 'maxPixels'];

/** Runs a command line. */
export async function runCli(argv: readonly string[], version: string, io: CommandIo): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const run = (action: () => Promise<ExitCode>) =>
    action().then((code) => {
      exitCode = code;
    });
  const program = new Command('menagerie')
    .description('A server for the classic CNN zoo: pretrained image classifiers over HTTP.')
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.out.write(text), writeErr: (text) => io.err.write(text) })
    .showHelpAfterError('(--help shows what there is)');

  withSettings(program.command('serve'), Object.keys(SETTINGS) as SettingName[])
    .description('Serve models over HTTP. Settings come from flags, then from the environment.')
    .action((flags) => run(() => serve(loadConfig(io.env, flags), version, io)));

  withSettings(program.command('list'), ['modelDirs'])
    .description('Show every model, its size and accuracy, and whether its weights are here.')
    .option('--json', 'as JSON', false)
    .action(({ json, ...flags }) => run(() => list(loadConfig(io.env, flags), { json }, io)));

  withSettings(program.command('pull'), ['modelDirs', 'modelMirror'])
    .description('Fetch the weights of models. Interrupted pulls continue; every file is verified before it is used.')
    .argument('[id...]', 'models')
    .option('--variant <name>', "fp32, int8, or all; default: the model's own")
    .option('--all', 'every model', false)
    .action((ids: string[], { variant, all, ...flags }) => {
      if (!all && ids.length === 0) throw new MenagerieError('usage', 'Name the models to pull, or say --all.');
      return run(() => pullModels(ids, { variant, all }, loadConfig(io.env, flags), io));
    });

  withViewFlags(withSettings(program.command('classify'), ENGINE_SETTINGS))
    .description('Classify pictures, without a server: files, or folders and all that is in them.')
    .argument('<path...>', 'files or folders')
    .option('--variant <name>', 'fp32 or int8, of every network')
    .option('-k, --top-k <n>', 'how many classes to name', positiveInteger, 5)
    .addOption(new Option('--json', 'one JSON object a line').conflicts('csv'))
    .option('--csv', 'a row for each class')
    .action((paths: string[], { variant, topK, json, csv, ...rest }) => {
      const format: ClassifyCommandOptions['format'] = json ? 'json' : csv ? 'csv' : 'text';
      const { question, flags } = splitViewFlags(rest);
      const options = { question, variant, topK, format };
      return run(() => classify(paths, options, loadConfig(io.env, flags), io));
    });

  withViewFlags(withSettings(program.command('eval'), ENGINE_SETTINGS), 'id')
    .description(
      'Say how often a model or ensemble is right about labelled pictures, through the same workers as serving.',
    )
    .requiredOption(
      '--data <path>',
      'a folder with one folder a class, a folder of pictures named by WordNet id, a CSV of file,label, or files of MNIST or CIFAR-10',
    )
    .option('--variant <name>', 'fp32 or int8, of every network')
    .option('--compare <ids>', 'further models or ensembles, by commas, on the same pictures')
    .option('--limit <n>', 'so many pictures, spread over the whole set', positiveInteger)
    .option('--confusion <file.svg>', 'write the confusion matrix as a picture')
    .option('--json', 'as JSON', false)
    .action((id: string | undefined, { data, variant, compare, limit, confusion, json, ...rest }) => {
      const { question, flags } = splitViewFlags(rest, id);
      const others: string[] = compare?.split(',') ?? [];
      const options = { question, data, variant, compare: others, limit, confusion, json };
      return run(() => evaluate(options, loadConfig(io.env, flags), io));
    });

  withSettings(program.command('tune'), ['modelDirs', 'device'])
    .description(
      'Measure variants, workers, threads and batches of a model on this machine, and keep the best where the server finds it.',
    )
    .argument('<id>', 'a model whose weights are here')
    .addOption(
      new Option('--for <goal>', 'images a second with all workers busy, or milliseconds of a lone picture')
        .choices(['throughput', 'latency'])
        .default('throughput'),
    )
    .option(
      '--max-loss <points>',
      'top-1 accuracy that a variant may lose against fp32 by its recorded figures',
      decimal,
      1,
    )
    .option('--seconds <n>', 'time for each figure', decimal, 2)
    .option('--dry-run', 'measure, and keep nothing', false)
    .option('--json', 'as JSON', false)
    .action((id: string, { for: goal, maxLoss, seconds, dryRun, json, ...flags }) =>
      run(() => tune(id, { goal, maxLoss, seconds, dryRun, json }, loadConfig(io.env, flags), io)),
    );

  withSettings(program.command('doctor'), Object.keys(SETTINGS) as SettingName[])
    .description(
      'Say what this machine has, what of it can be used and why the rest cannot, and what serve would choose.',
    )
    .option('--json', 'as JSON', false)
    .action(({ json, ...flags }) => run(() => doctor(() => loadConfig(io.env, flags), { json }, version, io)));

  withFormats(withSettings(program.command('summary'), ['modelDirs']))
    .description('Show what happens to a picture in a network, layer by layer.')
    .argument('<id or file.onnx>', 'a model whose weights are here, or any ONNX file')
    .option('--variant <name>', 'fp32 or int8')
    .option('--input <shape>', 'another shape of the input, such as 1x3x227x227')
    .option('--timing', 'measure milliseconds', false)
    .option('--all', 'list constants, shape arithmetic and identities too', false)
    .action((what: string, { variant, input, timing, all, json, csv, html, ...flags }) => {
      const inputShape = input === undefined ? undefined : parseShape(input);
      const options = { variant, inputShape, timing, all, format: reportFormat({ json, csv, html }) };
      return run(() => summary(what, options, loadConfig(io.env, flags), io));
    });

  withFormats(withSettings(program.command('compare'), ['modelDirs']))
    .description('Show networks side by side.')
    .argument('<id...>', 'models whose weights are here')
    .option('--timing', 'measure milliseconds', false)
    .action((ids: string[], { timing, json, csv, html, ...flags }) => {
      const options = { timing, format: reportFormat({ json, csv, html }) };
      return run(() => compare(ids, options, loadConfig(io.env, flags), io));
    });

  withFormats(withSettings(program.command('architecture'), []))
    .description('Write a classic architecture as an ONNX file without learned weights, or show its summary.')
    .argument('[id]', 'an architecture; without it, those there are are listed')
    .option('--out <file.onnx>', 'where to write; without it the summary is shown')
    .addOption(
      new Option('--weights <kind>', 'made in the graph, or drawn at random')
        .choices(['constant', 'random'])
        .default('constant'),
    )
    .option('--seed <n>', 'of random weights', positiveInteger, 1)
    .option('--timing', 'measure milliseconds', false)
    .option('--all', 'list constants, shape arithmetic and identities too', false)
    .action((id: string | undefined, { out, weights: kind, seed, timing, all, json, csv, html }) => {
      const weights: InitialWeights = kind === 'random' ? { weights: 'random', seed } : { weights: 'constant' };
      const common = {
        variant: undefined,
        inputShape: undefined,
        timing,
        all,
        format: reportFormat({ json, csv, html }),
      };
      return run(() => architecture(id, { ...common, out, weights }, loadConfig(io.env), io));
    });

  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    // Help and version end here too; commander has printed what there was to say.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const { code, message, cause } = isSystemError(error) ? ioError(callOf(error), error) : toMenagerieError(error);
    io.err.write(`${message} [${code}]\n`);
    if (code === 'internal') io.err.write(`${cause instanceof Error ? cause.stack : String(cause)}\n`);
    return code === 'usage' || code === 'invalid_config' ? 2 : 1;
  }
}

/** What the system was asked when it refused. */
function callOf({ syscall, path }: NodeJS.ErrnoException): string {
  return path === undefined ? `${syscall} failed` : `cannot ${syscall} ${path}`;
}

/** Adds a flag for each setting. Values are checked with the environment's, all at once. */
function withSettings(command: Command, names: readonly SettingName[]): Command {
  for (const name of names) {
    const setting: Setting = SETTINGS[name];
    // A key on the command line would be visible to every user of the machine.
    if (setting.type === 'text' && setting.secret) continue;
    command.option(
      `${flagOf(name)} <${setting.type === 'integer' ? (setting.unit ?? 'n') : setting.type}>`,
      helpOf(setting),
    );
  }
  return command;
}

/** Adds the flags for the forms of a report. */
function withFormats(command: Command): Command {
  return command
    .addOption(new Option('--json', 'as JSON').conflicts(['csv', 'html']))
    .addOption(new Option('--csv', 'as comma-separated values').conflicts(['html']))
    .option('--html', 'as a page');
}

function reportFormat(flags: { json?: boolean; csv?: boolean; html?: boolean }): ReportForm {
  return flags.json ? 'json' : flags.csv ? 'csv' : flags.html ? 'html' : 'text';
}

/** What help and documentation say of a setting: its meaning, variable and default. */
function helpOf(setting: Setting): string {
  const choices = setting.type === 'choice' ? ` One of ${setting.choices.join(', ')}.` : '';
  return `${setting.about}${choices} [${setting.env}, default: ${defaultOf(setting)}]`;
}

/** The default of a setting as text. */
export function defaultOf(setting: Setting): string {
  if ('defaultText' in setting && setting.defaultText) return setting.defaultText;
  if (setting.default === undefined || (Array.isArray(setting.default) && setting.default.length === 0)) return 'none';
  return String(setting.default);
}

function decimal(text: string): number {
  if (!/^\d{1,2}(\.\d{1,3})?$/.test(text)) throw new InvalidArgumentError('It must be a number from 0 to below 100.');
  return Number(text);
}

function positiveInteger(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1.');
  return Number(text);
}
