import { createEngine, type Engine, unbounded } from '../../app/engine.js';
import { loadAsked } from '../../app/models-to-load.js';
import type { Config } from '../../config/load-config.js';
import { MenagerieError } from '../../core/errors.js';
import { CROPS } from '../../core/manifest/crops.js';
import Type, { Compile } from '../../core/schema/typebox.js';
import type { PictureFeatures } from '../../serving/answering/answerer.js';
import { PLAIN_QUESTION, type Question } from '../../serving/asking/question.js';
import type { Target } from '../../serving/asking/target.js';
import { notOneModel } from '../../serving/models/ensemble-status.js';
import { type AskedOfFile, askedPath, readAsked } from '../folders/asked.js';
import { FolderProgress } from '../folders/folder-progress.js';
import { assertAnyThere, BackgroundCount, entriesOf } from '../folders/inputs.js';
import { lookAtAll } from '../folders/look-at.js';
import type { Tally } from '../folders/tally.js';
import { featuresOf } from '../shared/ask.js';
import { withDefaultModel } from '../shared/default-model.js';
import type { CommandIo } from '../shared/io.js';

const ITS_OWN = 'its own';

/** A question for features, ready to be asked about pictures. */
export interface Ready {
  engine: Engine;
  question: Question;
  target: Target;
}

/**
 * Starts an engine with the model that a question for features asks, uses it and stops it.
 * @param variant default: the model's own
 * @throws MenagerieError errors of loading; `invalid_request` as Targets.hold; what `use` throws
 */
export async function withFeatures<T>(
  asked: Question,
  variant: string | undefined,
  config: Config,
  io: CommandIo,
  use: (ready: Ready) => Promise<T>,
): Promise<T> {
  const engine = await createEngine({ config: unbounded(config), env: io.env, layersEverywhere: true });
  try {
    const question = await withDefaultModel(asked, engine.repository, config);
    const { ensembles } = engine.repository;
    const id = 'model' in question.asked ? question.asked.model : undefined;
    // Before its members are loaded.
    if (id !== undefined && ensembles.has(id)) throw notOneModel(ensembles, id);
    await loadAsked(engine, question.asked, variant);
    const { target } = await engine.classifier.estimate(question, 1);
    return await use({ engine, question, target });
  } finally {
    await engine.stop();
  }
}

export interface ComputeOptions {
  /** Files and folders. */
  paths: readonly string[];
  /** Names of files that are no pictures, because features are written to them. */
  own: readonly string[];
  earlier: { has(file: string): boolean } | undefined;
  /** Most bytes of a file. */
  maxBytes: number;
  tally: Tally;
}

/**
 * Computes the features of all pictures in files and folders, in the order in which they are found. Those that fail are named and
 * counted.
 * @throws MenagerieError `file_missing` if none of the paths is there
 */
export async function* computeFeatures(
  { engine, question }: Ready,
  { paths, own, earlier, maxBytes, tally }: ComputeOptions,
  io: CommandIo,
): AsyncGenerator<{ file: string; features: PictureFeatures }> {
  await assertAnyThere(paths);
  const roots = paths.map((path) => Buffer.from(path));
  const found = { shard: undefined, own };
  const count = new BackgroundCount(entriesOf(roots, found));
  const progress = new FolderProgress(io.err, 'computing');
  const answer = (read: () => Promise<Uint8Array>) => featuresOf(read, question, engine.classifier);
  const look = { workers: engine.pool.size, maxBytes, earlier, answer };
  try {
    for await (const { file, result } of lookAtAll(
      entriesOf(roots, found),
      look,
      { tally, count, progress },
      io.signal,
    )) {
      tally.add(file, result.error?.code);
      if (result.error) progress.say(`${file}: ${result.error.message} [${result.error.code}]\n`);
      else yield { file, features: result.features };
    }
  } finally {
    count.stop();
  }
}

/** What a description of features must say for more of them to be made. */
const AskedSchema = Compile(
  Type.Object({
    model: Type.Object({ id: Type.String(), variant: Type.String(), version: Type.String() }),
    layer: Type.Union([Type.String(), Type.Null()]),
    crops: Type.Union([Type.Enum([...CROPS]), Type.Literal(ITS_OWN)]),
    tta: Type.Object({
      mirror: Type.Boolean(),
      crops: Type.Integer(),
      rotate: Type.Number(),
      shear: Type.Number(),
      colour: Type.Number(),
      warp: Type.Number(),
    }),
    seed: Type.Integer(),
    auto_orient: Type.Boolean(),
  }),
);

/**
 * The question that the features in a file answer.
 * @throws MenagerieError `invalid_data` if the file beside it does not tell
 */
export async function questionOfFeatures(
  path: string,
): Promise<{ question: Question; variant: string; asked: AskedOfFile }> {
  const asked = await readAsked(path).catch(() => ({}));
  if (!AskedSchema.Check(asked)) {
    const what = `${askedPath(path)}, which \`menagerie features\` writes to say how it made features, is not there or faulty.`;
    throw new MenagerieError('invalid_data', what);
  }
  const { model, layer, crops, tta, seed, auto_orient: autoOrient } = asked;
  const question = {
    ...PLAIN_QUESTION,
    asked: { model: model.id, features: { layer: layer ?? undefined } },
    crops: crops === ITS_OWN ? undefined : crops,
    augmentation: tta,
    seed,
    autoOrient,
  };
  return { question, variant: model.variant, asked };
}

/** Describes how features were made: those of two descriptions do not compare. */
export function askedOfFeatures({ question, target }: Ready): AskedOfFile {
  const { asked, crops, augmentation, seed, autoOrient } = question;
  const [member] = target.members;
  if ('ensemble' in asked || !member) throw new MenagerieError('internal', 'Features come from one model.');
  const { id, variant, version } = member.model;
  return {
    model: { id, variant, version },
    layer: asked.features?.layer ?? null,
    shape: target.featureShape,
    crops: crops ?? ITS_OWN,
    tta: augmentation,
    seed,
    auto_orient: autoOrient,
  };
}
