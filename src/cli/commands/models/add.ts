import { existsSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { type Decision, decide } from '../../../adding/decide.js';
import { classesOf, type Known, readKnown } from '../../../adding/known-pictures.js';
import { type LabelCandidate, labelCandidates } from '../../../adding/label-candidates.js';
import { type NetworkToAdd, statedParts } from '../../../adding/network-to-add.js';
import { rangesFor, resizesFor } from '../../../adding/preparations.js';
import { readForm } from '../../../adding/read-form.js';
import { settle } from '../../../adding/settle.js';
import { createEngine, unbounded } from '../../../app/engine.js';
import { BUILT_IN_MODELS, openModels, writableModels } from '../../../app/models-to-load.js';
import type { Config } from '../../../config/load-config.js';
import { MenagerieError } from '../../../core/errors.js';
import { externalFiles } from '../../../onnx/file/external-data.js';
import { readModel } from '../../../onnx/file/model.js';
import { type AddReport, addText, attemptRows } from '../../../report/add-report.js';
import { FileBytes } from '../../../runtime/weights/file-bytes.js';
import { weightBytes } from '../../../runtime/weights/weight-bytes.js';
import { type NewFile, type NewModel, stageModel } from '../../../zoo/model-folder.js';
import type { CommandIo, ExitCode } from '../../shared/io.js';
import { readPictureBytes } from '../../shared/picture-bytes.js';
import { ProgressBar } from '../../shared/progress.js';

export interface AddCommandOptions {
  /** Labelled pictures, as for `eval`. */
  data: string | undefined;
  /** File of labels. */
  labels: string | undefined;
  /** Default: the name of the file. */
  id: string | undefined;
  /** Model directory; default: the first of MODEL_DIRS, or else that of trained models. */
  to: string | undefined;
  /** Name of the preparation to take without proof. */
  force: string | undefined;
  /** Name of the output with the scores. */
  output: string | undefined;
  /** Height and width of the input, if the file leaves them open. */
  side: number | undefined;
  /** Largest number of pictures to try. */
  limit: number;
  licence: string;
  json: boolean;
}

/**
 * `menagerie add <file.onnx>`: finds out how to feed a network and writes its model folder. Exit status 3: no preparation is better than
 * the others beyond chance, and nothing was written.
 * @throws MenagerieError `usage`, `signature_mismatch`, `invalid_labels`, `invalid_data`; errors of reading, loading and writing
 */
export async function add(file: string, options: AddCommandOptions, config: Config, io: CommandIo): Promise<ExitCode> {
  const directory = options.to ?? config.modelDirs[0] ?? writableModels(config);
  const id = options.id ?? idOf(file);
  await assertFree(id, directory, config);
  const { network: read, externalData } = readNetwork(file, options);
  const candidates = await labelCandidates(read.form.scores, options, BUILT_IN_MODELS);
  if (candidates.length === 0) {
    throw new MenagerieError('invalid_labels', `No labels are known for ${read.form.scores} scores: state --labels.`);
  }
  const { network, known, choice, decision } = await tryAll(read, candidates, options, config, io);
  const tried = known.pictures.slice(0, choice?.ranked[0]?.logs.length);
  const report: AddReport = {
    id,
    folder: null,
    chosen: decision
      ? {
          preparation: decision.preparation.name,
          resize: decision.resize,
          labels: decision.candidate.name,
          because: options.force === undefined ? 'best' : 'forced',
        }
      : null,
    pictures: tried.length,
    classes: classesOf(tried),
    ...attemptRows(choice),
  };
  if (decision) {
    report.folder = await write(
      directory,
      await newModel(network, externalData, known, decision, report, options),
      config,
      io,
    );
  }
  if (options.json) io.out.write(`${JSON.stringify(report, null, 2)}\n`);
  else io.out.write(addText(report));
  if (report.folder !== null && !options.json && ![...config.modelDirs, writableModels(config)].includes(directory)) {
    io.out.write(`Serve it with MODEL_DIRS=${directory}\n`);
  }
  return decision ? 0 : 3;
}

/** @throws MenagerieError `usage` if a model has the id, also in the directory alone */
async function assertFree(id: string, directory: string, config: Config): Promise<void> {
  const { models, ensembles, refused } = await openModels(config);
  const there = existsSync(join(directory, id, 'manifest.json'));
  if (models.has(id) || ensembles.has(id) || refused.some((other) => other.id === id) || there) {
    throw new MenagerieError('usage', `There is a model "${id}" already: choose another name with --id.`);
  }
}

/** An id from the name of a file. */
function idOf(file: string): string {
  const stem = basename(file, extname(file)).toLowerCase();
  return (
    stem
      .replaceAll(/[^a-z0-9._-]+/g, '-')
      .replace(/^[^a-z0-9]+/, '')
      .slice(0, 64) || 'network'
  );
}

function readNetwork(file: string, options: AddCommandOptions): { network: NetworkToAdd; externalData: string[] } {
  const source = new FileBytes(file);
  try {
    const form = readForm(readModel(source), options);
    return { network: { file, bytes: weightBytes(file), form }, externalData: externalFiles(source) };
  } finally {
    source.close();
  }
}

async function tryAll(
  read: NetworkToAdd,
  labels: LabelCandidate[],
  { data, limit, force }: AddCommandOptions,
  config: Config,
  io: CommandIo,
): Promise<{ network: NetworkToAdd; known: Known } & Awaited<ReturnType<typeof decide>>> {
  const bar = new ProgressBar(io.err, 'trying preparations');
  const ranges = rangesFor(read.form, false);
  const [usual] = ranges;
  if (!usual) throw new Error('there is no way to feed it');
  const total = ranges.length + resizesFor(read.form, false).length;
  let tried = 0;
  const engine = await createEngine({ config: unbounded(config), env: io.env });
  try {
    const onTried = () => bar.update(++tried, Math.max(total, tried), `${tried} tried`);
    const { network, candidates } = await settle(read, usual, labels, engine.pool);
    const known =
      data === undefined ? { candidates, pictures: [] } : await readKnown(data, candidates, limit, readPictureBytes);
    const options = { pool: engine.pool, signal: io.signal, onTried };
    return { network, known, ...(await decide(network, known, force, options)) };
  } finally {
    bar.clear();
    await engine.stop();
  }
}

/** The picture that the network is surest of, among those it knows. */
async function goldenOf(
  { attempt, candidate }: Decision,
  { pictures, candidates }: Known,
): Promise<NewModel['golden']> {
  const sure = attempt?.logs.indexOf(Math.max(...attempt.logs)) ?? -1;
  const picture = pictures[sure];
  // More probable than one half means more probable than all others.
  if (!picture || (attempt?.logs[sure] ?? Number.NEGATIVE_INFINITY) <= Math.log(0.5)) return undefined;
  const index = picture.truths[candidates.indexOf(candidate)];
  if (index === undefined) return undefined;
  return { picture: { name: `golden${picture.ending}`, content: await picture.read() }, index, within: 1 };
}

async function newModel(
  network: NetworkToAdd,
  externalData: readonly string[],
  known: Known,
  decision: Decision,
  report: AddReport,
  { licence }: AddCommandOptions,
): Promise<NewModel> {
  const { file, form } = network;
  const { preparation, candidate } = decision;
  const { id } = report;
  const copyOf = (name: string): NewFile => ({ name, content: { copyOf: join(dirname(file), name) } });
  return {
    manifest: {
      id,
      title: id,
      family: 'unknown',
      dataset: candidate.name,
      ...statedParts(network, preparation, candidate),
      license: licence,
      inferred: ['family', 'preprocess', 'labels'],
      notes: notesOf(report),
    },
    variant: form.int8 ? 'int8' : 'fp32',
    network: copyOf(basename(file)),
    externalData: externalData.map(copyOf),
    labels: candidate.shared ?? candidate.labels,
    golden: await goldenOf(decision, known),
  };
}

function notesOf({ chosen, pictures, classes, attempts, chance_p }: AddReport): string {
  if (!chosen || attempts.length === 0) return 'The preparation was stated, not found by trying.';
  const best = attempts.find(({ preparation }) => preparation === chosen.preparation);
  const share = ((100 * (best?.right ?? 0)) / pictures).toFixed(1);
  return (
    `menagerie add tried ${attempts.length} ways to feed it on ${pictures} pictures of ${classes} classes: ` +
    `${chosen.preparation} has ${share} % right` +
    (chosen.because === 'forced' ? ' (it was stated).' : ` (p = ${chance_p?.toPrecision(2)} against guessing).`)
  );
}

/** Writes the model's folder, and loads it as the server would: if it cannot be loaded, nothing stays. @returns the folder */
async function write(directory: string, model: NewModel, config: Config, io: CommandIo): Promise<string> {
  const engine = await createEngine({ config: unbounded(config), env: io.env });
  try {
    const { id } = model.manifest;
    await engine.registry.adopt(await stageModel(directory, model));
    return join(resolve(directory), id);
  } finally {
    await engine.stop();
  }
}
