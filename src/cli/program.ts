import { Command, CommanderError, Option } from 'commander';
import type { InitialWeights } from '../architectures/weights.js';
import { flagOf, loadConfig } from '../config/load-config.js';
import type { Setting } from '../config/setting.js';
import { SETTINGS, type SettingName } from '../config/settings.js';
import { MenagerieError, toMenagerieError } from '../core/errors.js';
import { GROUP_LEVELS } from '../core/scores/grouping.js';
import { parseShape } from '../core/shape.js';
import { SIDECAR_NAMES } from '../sidecars/sidecar-names.js';
import { ioError, isSystemError } from '../system/errors.js';
import { Interrupted } from '../system/interrupted.js';
import type { ClassifyCommandOptions } from './commands/classify.js';
import { commands } from './commands.js';
import { parseShard } from './folders/shard.js';
import { connectionList, decimal, positiveInteger, score, serverUrl } from './shared/flag-values.js';
import type { CommandIo, ExitCode } from './shared/io.js';
import { splitViewFlags, withViewFlags } from './shared/question-flags.js';
import { reportFormat, withFormats } from './shared/report-flags.js';
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
    .action((flags) => run(async () => commands.serve(loadConfig(await withSecretFiles(io.env), flags), version, io)));

  withSettings(program.command('list'), ['modelDirs'])
    .description('List the models with size, accuracy, and whether the weights are on this machine.')
    .option('--json', 'print JSON', false)
    .action(({ json, ...flags }) => run(() => commands.list(loadConfig(io.env, flags), { json }, io)));

  withSettings(program.command('pull'), ['modelDirs', 'modelMirror'])
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

  withViewFlags(withSettings(program.command('classify'), ENGINE_SETTINGS))
    .description('Classify pictures without a server: files, or folders with all their sub-folders.')
    .argument('[path...]', 'files or folders')
    .option('--variant <name>', 'fp32 or int8, for every network')
    .option('-k, --top-k <n>', 'number of classes to print', positiveInteger, 5)
    .option('--min-score <score>', 'print only classes with at least this score, 0 to 1', score, 0)
    .addOption(
      new Option(
        '--group <level>',
        'sum the scores over groups of classes: basic (tabby and Persian cat are cat) or broad (animal)',
      ).choices(GROUP_LEVELS),
    )
    .addOption(new Option('--json', 'print one JSON object per line').conflicts(['csv', 'out']))
    .addOption(new Option('--csv', 'print CSV, one row per class').conflicts('out'))
    .option('--out <file>', 'append results to a .csv or .jsonl file; the same command continues it where it stopped')
    .option('--retry-failed', 'do the files again that failed before', false)
    .option('--failed-ok', 'exit with 0 although files failed: the results name them', false)
    .option('--stdin', 'read paths from the input, one per line', false)
    .addOption(new Option('-0, --null', 'the same, each ended by a NUL byte').default(false).implies({ stdin: true }))
    .option('--shard <part/of>', 'only one part of the files, such as 3/16, by a hash of the path', parseShard)
    .addOption(
      new Option('--xmp [names]', 'write labels as keywords into picture.jpg.xmp (full) or picture.xmp (stem)')
        .choices(SIDECAR_NAMES)
        .preset('full'),
    )
    .option('--xmp-min-score <score>', 'least score of a label that becomes a keyword', score, 0.5)
    .action((paths: string[], { variant, topK, minScore, json, csv, ...more }) => {
      const { out, retryFailed, failedOk, stdin, null: nul, shard, xmp: names, xmpMinScore, ...rest } = more;
      const format: ClassifyCommandOptions['format'] = json ? 'json' : csv ? 'csv' : 'text';
      const { question, flags } = splitViewFlags(rest);
      const xmp = names === undefined ? undefined : { names, minScore: xmpMinScore };
      const options = {
        question,
        variant,
        listing: { topK, minScore },
        format,
        out,
        retryFailed,
        failedOk,
        stdin,
        null: nul,
        shard,
        xmp,
      };
      return run(() => commands.classify(paths, options, loadConfig(io.env, flags), io));
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
      return run(() => commands.evaluate(options, loadConfig(io.env, flags), io));
    });

  withSettings(program.command('add'), ENGINE_SETTINGS)
    .description(
      'Find out how to feed a network, by trying the usual ways on pictures whose class is known, and make it a model.',
    )
    .argument('<file.onnx>', 'the network')
    .option('--data <path>', 'labelled pictures, as for eval: at least 20 of 8 classes')
    .option('--labels <file>', 'the class names, one per line in the order of the scores; default: found by the data')
    .option('--id <id>', "the model's name; default: that of the file")
    .option('--to <folder>', 'model directory to write to; default: the first of MODEL_DIRS')
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
      run(() => commands.tune(id, { goal, maxLoss, seconds, dryRun, json }, loadConfig(io.env, flags), io)),
    );

  withSettings(program.command('bench'), ['modelDirs', 'device', 'workers', 'threads'])
    .description(
      'Measure a model on this machine, served over HTTP: starts a server, loads it with requests from this machine, and compares it with the bare network.',
    )
    .argument('<id[:variant]>', 'a model whose weights are on this machine')
    .option('--picture <file...>', "pictures to send in turn; default: the model's golden picture")
    .option('--connections <list>', 'numbers of connections, separated by commas', connectionList, [1, 2, 8, 32])
    .option('--duration <s>', 'seconds for each number of connections', positiveInteger, 10)
    .option('--raw', 'send a picture as the body instead of in a form', false)
    .option('--url <url>', 'a server that already runs; nothing is started, and there is no bare network', serverUrl)
    .option('--json', 'print JSON', false)
    .action((model: string, { picture: pictures, connections, duration: seconds, raw, url, json, ...flags }) =>
      run(() => commands.bench(model, { pictures, connections, seconds, raw, url, json }, flags, io)),
    );

  withSettings(program.command('doctor'))
    .description(
      'Report what this machine has, what of it can be used and why the rest cannot, and what serve would choose.',
    )
    .option('--json', 'print JSON', false)
    .action(({ json, ...flags }) => run(() => commands.doctor(() => loadConfig(io.env, flags), { json }, version, io)));

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
      return run(() => commands.summary(what, options, loadConfig(io.env, flags), io));
    });

  withFormats(withSettings(program.command('compare'), ['modelDirs']))
    .description('Show networks side by side.')
    .argument('<id...>', 'models whose weights are on this machine')
    .option('--timing', 'measure milliseconds', false)
    .action((ids: string[], { timing, json, csv, html, ...flags }) => {
      const options = { timing, format: reportFormat({ json, csv, html }) };
      return run(() => commands.compare(ids, options, loadConfig(io.env, flags), io));
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
      return run(() => commands.architecture(id, { ...common, out, weights }, loadConfig(io.env), io));
    });

  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    // Help and version also end here. Commander has printed the message.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const { reason } = io.signal;
    const aborted = error === reason || (error instanceof Error && error.name === 'AbortError');
    if (aborted && reason instanceof Interrupted) return reason.status;
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
