import { createHash } from 'node:crypto';
import { type HeldOutAnswer, suspiciousLabels, wrongAnswers } from '../examine/held-out-answers.js';
import { wouldMoreHelp } from '../examine/would-more-help.js';
import type { HeadResult } from '../head/head-task.js';
import type { SkippedFile, TrainingPicture, TrainingSet } from '../pictures/training-set.js';
import { trainingWarnings, unknownSays } from './findings.js';
import { measuresOf } from './measure.js';
import { type AnsweredPicture, MOST_LISTED, type ReportedPicture } from './report-parts.js';
import type { TrainingReport } from './training-report.js';

/** What a training found, before it is a report. */
export interface TrainingFindings {
  set: TrainingSet;
  /** The pictures that were trained on, and those of val, each in the order of what follows. */
  train: readonly TrainingPicture[];
  val: readonly TrainingPicture[];
  /** Files that could not be read, besides those that the set left out. */
  failed: readonly SkippedFile[];
  /** Group of near-duplicates of each picture of train, then of val. */
  groups: Int32Array;
  /** Least cosine of near-duplicates. */
  similarity: number;
  head: HeadResult;
  weighted: boolean;
  folds: number;
  /** Probabilities of the pictures of val: pictures x classes. */
  valProbabilities: Float32Array;
  unknown: { above: number; known: number; heldOutShare: number } | undefined;
}

/** Makes a small picture as a data URL; null where that fails. */
export type MakeThumbnail = (picture: TrainingPicture) => Promise<string | null>;

/**
 * The report of a training, from what was found and the facts that are reported as they are.
 * @throws the reason of a signal that `thumbnailOf` follows
 */
export async function buildReport(
  found: TrainingFindings,
  facts: Pick<
    TrainingReport,
    'id' | 'finished_at' | 'base' | 'result' | 'depth' | 'augment' | 'tail' | 'cost' | 'seed' | 'versions'
  >,
  thumbnailOf: MakeThumbnail,
): Promise<TrainingReport> {
  const { set, train, val, head, unknown, valProbabilities } = found;
  const labels = Int32Array.from(train, (picture) => picture.class);
  const valLabels = Int32Array.from(val, (picture) => picture.class);
  const report = {
    ...facts,
    data: await dataOf(found, thumbnailOf),
    cross_validation: measuresOf(set.classes, labels, head.heldOut),
    val: val.length > 0 ? measuresOf(set.classes, valLabels, valProbabilities) : null,
    learning_curve: curveOf(head),
    head: {
      l2: head.l2,
      hidden: head.hidden,
      weighted: found.weighted,
      folds: found.folds,
      candidates: head.candidates.map(({ l2, hidden, logLoss }) => ({ l2, hidden, log_loss: logLoss })),
    },
    wrong: await wrongOf(found, labels, valLabels, thumbnailOf),
    suspicious: await suspiciousOf(found, labels, thumbnailOf),
    unknown: unknown
      ? {
          above: unknown.above,
          known: unknown.known,
          held_out_share: unknown.heldOutShare,
          says: unknownSays(unknown.heldOutShare),
        }
      : null,
  };
  return { ...report, warnings: trainingWarnings(report) };
}

async function dataOf(
  { set, train, val, failed, groups, similarity }: TrainingFindings,
  thumbnailOf: MakeThumbnail,
): Promise<TrainingReport['data']> {
  const [inTrain, inVal] = [train, val].map((pictures) => countsOf(pictures, set.classes.length));
  const hasVal = val.length > 0;
  const skipped = [...set.skipped, ...failed];
  const conflicts = set.conflicts.map((files) =>
    listed(
      files.map((file) => ({ ...file, thumbnail: null })),
      MOST_LISTED.groupPictures,
    ),
  );
  return {
    sha256: dataHash(set.classes, train),
    classes: set.classes.map((label, index) => ({
      label,
      train: inTrain?.[index] ?? 0,
      val: hasVal ? (inVal?.[index] ?? 0) : null,
    })),
    train: train.length,
    val: hasVal ? val.length : null,
    skipped: listed(skipped, MOST_LISTED.files),
    duplicates: listed(
      set.duplicates.map(({ file, of }) => ({ file, same_as: of })),
      MOST_LISTED.files,
    ),
    conflicts: listed(conflicts, MOST_LISTED.groups),
    near_duplicates: await nearDuplicatesOf({ set, train, val, groups, similarity }, thumbnailOf),
  };
}

/** Pictures of each class. */
function countsOf(pictures: readonly TrainingPicture[], classes: number): Int32Array {
  const counts = new Int32Array(classes);
  for (const picture of pictures) counts[picture.class] = (counts[picture.class] ?? 0) + 1;
  return counts;
}

async function nearDuplicatesOf(
  { set, train, val, groups, similarity }: Pick<TrainingFindings, 'set' | 'train' | 'val' | 'groups' | 'similarity'>,
  thumbnailOf: MakeThumbnail,
): Promise<TrainingReport['data']['near_duplicates']> {
  const members = new Map<number, number[]>();
  for (const [i, group] of groups.entries()) {
    const known = members.get(group);
    if (known) known.push(i);
    else members.set(group, [i]);
  }
  const several = [...members.values()].filter(({ length }) => length > 1);
  const inTrain = (i: number) => i < train.length;
  const shown: { count: number; listed: ReportedPicture[] }[] = [];
  for (const group of several.slice(0, MOST_LISTED.groups)) {
    const pictures: ReportedPicture[] = [];
    for (const i of group.slice(0, MOST_LISTED.groupPictures)) {
      const picture = inTrain(i) ? train[i] : val[i - train.length];
      if (picture) pictures.push(await reported(picture, inTrain(i) ? 'train' : 'val', set.classes, thumbnailOf));
    }
    shown.push({ count: group.length, listed: pictures });
  }
  return {
    similarity,
    images: several.reduce((sum, { length }) => sum + length, 0),
    across_splits: several.reduce(
      (sum, group) => sum + (group.some(inTrain) ? group.filter((i) => !inTrain(i)).length : 0),
      0,
    ),
    groups: { count: several.length, listed: shown },
  };
}

/** Pictures answered wrongly, of val if there is one: the surest first. */
async function wrongOf(
  { set, train, val, head, valProbabilities }: TrainingFindings,
  labels: Int32Array,
  valLabels: Int32Array,
  thumbnailOf: MakeThumbnail,
): Promise<TrainingReport['wrong']> {
  const wrongIn = (
    split: 'train' | 'val',
    pictures: readonly TrainingPicture[],
    own: Int32Array,
    scores: Float32Array,
  ) =>
    wrongAnswers(own, scores).flatMap((answer) => {
      const picture = pictures[answer.picture];
      return picture ? [{ split, picture, answer }] : [];
    });
  const all = [
    ...wrongIn('train', train, labels, head.heldOut),
    ...wrongIn('val', val, valLabels, valProbabilities),
  ].sort((a, b) => b.answer.probability - a.answer.probability);
  const shown: AnsweredPicture[] = [];
  for (const { split, picture, answer } of all.slice(0, MOST_LISTED.wrong)) {
    shown.push(await answered(picture, split, answer, set.classes, thumbnailOf));
  }
  return { count: all.length, listed: shown };
}

async function suspiciousOf(
  { set, train, head }: TrainingFindings,
  labels: Int32Array,
  thumbnailOf: MakeThumbnail,
): Promise<TrainingReport['suspicious']> {
  const all = suspiciousLabels(labels, head.heldOut);
  const shown: AnsweredPicture[] = [];
  for (const answer of all.slice(0, MOST_LISTED.suspicious)) {
    const picture = train[answer.picture];
    if (picture) shown.push(await answered(picture, 'train', answer, set.classes, thumbnailOf));
  }
  return { count: all.length, listed: shown };
}

async function answered(
  picture: TrainingPicture,
  split: 'train' | 'val',
  { answer, probability, ofLabel }: HeldOutAnswer,
  classes: readonly string[],
  thumbnailOf: MakeThumbnail,
): Promise<AnsweredPicture> {
  return {
    ...(await reported(picture, split, classes, thumbnailOf)),
    answer: classes[answer] ?? '',
    probability,
    label_probability: ofLabel,
  };
}

async function reported(
  picture: TrainingPicture,
  split: 'train' | 'val',
  classes: readonly string[],
  thumbnailOf: MakeThumbnail,
): Promise<ReportedPicture> {
  return { file: picture.file, split, label: classes[picture.class] ?? '', thumbnail: await thumbnailOf(picture) };
}

function curveOf({ learningCurve }: HeadResult): TrainingReport['learning_curve'] {
  const { help, reason } = wouldMoreHelp(learningCurve);
  return {
    points: learningCurve.map(({ perClass, accuracy, low, high }) => ({
      per_class: perClass,
      accuracy: { value: accuracy, low, high },
    })),
    would_help: help === 'unclear' ? null : help === 'yes',
    says: reason,
  };
}

function dataHash(classes: readonly string[], pictures: readonly TrainingPicture[]): string {
  const text = JSON.stringify([classes, pictures.map((picture) => `${picture.class} ${picture.sha256}`).sort()]);
  return createHash('sha256').update(text).digest('hex');
}

function listed<T>(all: readonly T[], most: number): { count: number; listed: T[] } {
  return { count: all.length, listed: all.slice(0, most) };
}
