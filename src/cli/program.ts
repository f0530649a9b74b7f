import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { InitialWeights } from '../architectures/weights.js';
import { flagOf, loadConfig } from '../config/load-config.js';
import type { Setting } from '../config/setting.js';
import { SETTINGS, type SettingName } from '../config/settings.js';
import { MenagerieError, toMenagerieError } from '../core/errors.js';
import { GROUP_LEVELS } from '../core/scores/grouping.js';
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
import { withSecretFiles } from './shared/secret-files.js';

/** The settings of commands that run networks without serving. */
const ENGINE_SETTINGS: SettingName[] = ['modelDirs', 'device', 'workers', 'threads', 'maxBytes', 'maxPixels'];

/** Runs a command line, and prints its errors. */
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
    .showHelpAfterError('(--help shows the commands and options)');

  withSettings(program.command('serve'))
    .description('Serve models over HTTP. Settings come from flags, then from the environment.')
    .action((flags) => run(async () => serve(loadConfig(await withSecretFiles(io.env), flags), version, io)));

  withSettings(program.command('list'), ['modelDirs'])
    .description('List the models with size, accuracy, and whether the weights are on this machine.')
    .option('--json', 'print JSON', false)
    .action(({ json, ...flags }) => run(() => list(loadConfig(io.env, flags), { json }, io)));

  withSettings(program.command('pull'), ['modelDirs', 'modelMirror'])
    .description(
      'Fetch the weights of models. Interrupted pulls continue, and every file is verified before it is used.',
    )
    .argument('[id...]', 'ids of models')
    .option('--variant <name>', "fp32, int8, or all; default: the model's own")
    .option('--all', 'pull every model', false)
    .action((ids: string[], { variant, all, ...flags }) => {
      if (!all && ids.length === 0) throw new MenagerieError('usage', 'Name the models to pull, or use --all.');
      return run(() => pullModels(ids, { variant, all }, loadConfig(io.env, flags), io));
    });

  withViewFlags(withSettings(program.command('classify'), ENGINE_SETTINGS))
    .description('Classify pictures without a server: files, or folders with all their sub-folders.')
    .argument('<path...>', 'files or folders')
    .option('--variant <name>', 'fp32 or int8, for every network')
    .option('-k, --top-k <n>', 'number of classes to print', positiveInteger, 5)
    .option('--min-score <score>', 'print only classes with at least this score, 0 to 1', score, 0)
    .addOption(
      new Option(
        '--group <level>',
        'sum the scores over groups of classes: basic (tabby and Persian cat are cat) or broad (animal)',
      ).choices(GROUP_LEVELS),
    )
    .addOption(new Option('--json', 'print one JSON object per line').conflicts('csv'))
    .option('--csv', 'print CSV, one row per class')
    .action((paths: string[], { variant, topK, minScore, json, csv, ...rest }) => {
      const format: ClassifyCommandOptions['format'] = json ? 'json' : csv ? 'csv' : 'text';
      const { question, flags } = splitViewFlags(rest);
      const options = { question, variant, listing: { topK, minScore }, format };
      return run(() => classify(paths, options, loadConfig(io.env, flags), io));
    });

  withViewFlags(withSettings(program.command('eval'), ENGINE_SETTINGS), 'id')
    .description(
      'Measure the accuracy of a model or ensemble on labelled pictures, through the same workers as serving.',
    )
    .requiredOption(
      '--data <path>',
      'a folder with one folder per class, a folder of pictures named by WordNet id, a CSV of file,label, or files of MNIST or CIFAR-10',
    )
    .option('--variant <name>', 'fp32 or int8, for every network')
    .option('--compare <ids>', 'further models or ensembles to evaluate on the same pictures, separated by commas')
    .option('--limit <n>', 'number of pictures, spread over the whole set', positiveInteger)
    .option('--confusion <file.svg>', 'write the confusion matrix as a picture')
    .option('--json', 'print JSON', false)
    .action((id: string | undefined, { data, variant, compare, limit, confusion, json, ...rest }) => {
      const { question, flags } = splitViewFlags(rest, id);
      const others: string[] = compare?.split(',') ?? [];
      const options = { question, data, variant, compare: others, limit, confusion, json };
      return run(() => evaluate(options, loadConfig(io.env, flags), io));
    });

  withSettings(program.command('tune'), ['modelDirs', 'device'])
    .description(
      'Measure variants, workers, threads and batches of a model on this machine, and store the best for the server.',
    )
    .argument('<id>', 'a model whose weights are on this machine')
    .addOption(
      new Option('--for <goal>', 'images per second with all workers busy, or milliseconds for one picture')
        .choices(['throughput', 'latency'])
        .default('throughput'),
    )
    .option(
      '--max-loss <points>',
      'percentage points of recorded top-1 accuracy that a variant may lose against fp32',
      decimal,
      1,
    )
    .option('--seconds <n>', 'time to measure each figure', decimal, 2)
    .option('--dry-run', 'measure without storing the result', false)
    .option('--json', 'print JSON', false)
    .action((id: string, { for: goal, maxLoss, seconds, dryRun, json, ...flags }) =>
      run(() => tune(id, { goal, maxLoss, seconds, dryRun, json }, loadConfig(io.env, flags), io)),
    );

  withSettings(program.command('doctor'))
    .description(
      'Report what this machine has, what of it can be used and why the rest cannot, and what serve would choose.',
    )
    .option('--json', 'print JSON', false)
    .action(({ json, ...flags }) => run(() => doctor(() => loadConfig(io.env, flags), { json }, version, io)));

  withFormats(withSettings(program.command('summary'), ['modelDirs']))
    .description('Show a network layer by layer.')
    .argument('<id or file.onnx>', 'a model whose weights are on this machine, or any ONNX file')
    .option('--variant <name>', 'fp32 or int8')
    .option('--input <shape>', 'another input shape, such as 1x3x227x227')
    .option('--timing', 'measure milliseconds', false)
    .option('--all', 'also list constants, shape arithmetic and identities', false)
    .action((what: string, { variant, input, timing, all, json, csv, html, ...flags }) => {
      const inputShape = input === undefined ? undefined : parseShape(input);
      const options = { variant, inputShape, timing, all, format: reportFormat({ json, csv, html }) };
      return run(() => summary(what, options, loadConfig(io.env, flags), io));
    });

  withFormats(withSettings(program.command('compare'), ['modelDirs']))
    .description('Show networks side by side.')
    .argument('<id...>', 'models whose weights are on this machine')
    .option('--timing', 'measure milliseconds', false)
    .action((ids: string[], { timing, json, csv, html, ...flags }) => {
      const options = { timing, format: reportFormat({ json, csv, html }) };
      return run(() => compare(ids, options, loadConfig(io.env, flags), io));
    });

  withFormats(withSettings(program.command('architecture'), []))
    .description('Write a classic architecture as an ONNX file without learned weights, or show its summary.')
    .argument('[id]', 'an architecture; default: list them')
    .option('--out <file.onnx>', 'file to write; default: show the summary')
    .addOption(
      new Option('--weights <kind>', 'constants generated in the graph, or random numbers')
        .choices(['constant', 'random'])
        .default('constant'),
    )
    .option('--seed <n>', 'seed of random weights', positiveInteger, 1)
    .option('--timing', 'measure milliseconds', false)
    .option('--all', 'also list constants, shape arithmetic and identities', false)
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
    // Help and version also end here. Commander has printed the message.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const { code, message, cause } = isSystemError(error) ? ioError(callOf(error), error) : toMenagerieError(error);
    io.err.write(`${message} [${code}]\n`);
    if (code === 'internal') io.err.write(`${cause instanceof Error ? cause.stack : String(cause)}\n`);
    return code === 'usage' || code === 'invalid_config' ? 2 : 1;
  }
}

/** Describes the system call that failed. */
function callOf({ syscall, path }: NodeJS.ErrnoException): string {
  return path === undefined ? `${syscall} failed` : `cannot ${syscall} ${path}`;
}

/** Adds a flag for each setting, by default for all. Their values are checked later, together with the environment. */
function withSettings(command: Command, names?: readonly SettingName[]): Command {
  const wanted: ReadonlySet<string> = new Set(names ?? Object.keys(SETTINGS));
  for (const [name, setting] of Object.entries<Setting>(SETTINGS)) {
    // A secret on the command line would be visible to every user of the machine.
    if (!wanted.has(name) || (setting.type === 'text' && setting.secret)) continue;
    command.option(
      `${flagOf(name)} <${setting.type === 'integer' ? (setting.unit ?? 'n') : setting.type}>`,
      helpOf(setting),
    );
  }
  return command;
}

/** Adds the flags for the form of a report. */
function withFormats(command: Command): Command {
  return command
    .addOption(new Option('--json', 'print JSON').conflicts(['csv', 'html']))
    .addOption(new Option('--csv', 'print comma-separated values').conflicts(['html']))
    .option('--html', 'print an HTML page');
}

function reportFormat(flags: { json?: boolean; csv?: boolean; html?: boolean }): ReportForm {
  return flags.json ? 'json' : flags.csv ? 'csv' : flags.html ? 'html' : 'text';
}

/** The help text of a setting: its meaning, variable and default. */
function helpOf(setting: Setting): string {
  const choices = setting.type === 'choice' ? ` One of ${setting.choices.join(', ')}.` : '';
  return `${setting.about}${choices} [${setting.env}, default: ${defaultOf(setting)}]`;
}

/** The default of a setting as text, for help and documentation. */
export function defaultOf(setting: Setting): string {
  if ('defaultText' in setting && setting.defaultText) return setting.defaultText;
  if (setting.default === undefined || (Array.isArray(setting.default) && setting.default.length === 0)) return 'none';
  return String(setting.default);
}

function decimal(text: string): number {
  if (!/^\d{1,2}(\.\d{1,3})?$/.test(text)) throw new InvalidArgumentError('It must be a number from 0 to below 100.');
  return Number(text);
}

function score(text: string): number {
  if (!/^(0(\.\d{1,15})?|1(\.0{1,15})?)$/.test(text))
    throw new InvalidArgumentError('It must be a number from 0 to 1.');
  return Number(text);
}

function positiveInteger(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1.');
  return Number(text);
}
