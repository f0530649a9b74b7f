import type {
  AnsweredPicture,
  MeasuredShare,
  Measures,
  ReportedPicture,
} from '../../src/training/report/report-parts.js';
import type { TrainingReport } from '../../src/training/report/training-report.js';

const HASH = 'ab'.repeat(32);
/** A JPEG of one grey pixel is about this large; nothing here decodes it. */
export const TINY_JPEG = 'data:image/jpeg;base64,/9j/2wBDAP//////////////////////////////////////////////////////////';

export function shareOf(value: number, low = value - 0.03, high = value + 0.02): MeasuredShare {
  return { value, low: Math.max(0, low), high: Math.min(1, high) };
}

export function pictureOf(file: string, label: string, more: Partial<ReportedPicture> = {}): ReportedPicture {
  return { file, label, split: 'train', thumbnail: TINY_JPEG, ...more };
}

function answeredOf(file: string, label: string, answer: string): AnsweredPicture {
  return { ...pictureOf(file, label), answer, probability: 0.981, label_probability: 0.012 };
}

/** Measures of classes with so many pictures each; every tenth picture of a class is taken for the next class. */
export function measuresOf(labels: readonly string[], images: number): Measures {
  const wrong = Math.floor(images / 10);
  const right = images - wrong;
  return {
    images: images * labels.length,
    accuracy: shareOf(right / images),
    base_rate: { label: labels[0] ?? '', value: 1 / labels.length },
    balanced_accuracy: right / images,
    log_loss: 0.121,
    calibration_error: 0.02,
    classes: labels.map(() => ({ images, recall: shareOf(right / images) })),
    confusion: labels.flatMap((_label, i) => [
      { label: i, answer: i, images: right },
      ...(wrong > 0 ? [{ label: i, answer: (i + 1) % labels.length, images: wrong }] : []),
    ]),
  };
}

/** A report without anything to remark, of classes with so many pictures each. */
export function reportOf(
  labels: readonly string[],
  images: number,
  more: Partial<TrainingReport> = {},
): TrainingReport {
  return {
    id: 'insects',
    finished_at: '2026-01-02T03:04:05Z',
    base: { model: 'mobilenetv2', variant: 'fp32', sha256: HASH },
    result: { sha256: HASH, bytes: 9_000_000, features: 1280 },
    warnings: [],
    data: {
      sha256: HASH,
      classes: labels.map((label) => ({ label, train: images, val: null })),
      train: images * labels.length,
      val: null,
      skipped: { count: 0, listed: [] },
      duplicates: { count: 0, listed: [] },
      conflicts: { count: 0, listed: [] },
      near_duplicates: { similarity: 0.87, images: 0, across_splits: 0, groups: { count: 0, listed: [] } },
    },
    cross_validation: measuresOf(labels, images),
    val: null,
    learning_curve: { points: [], would_help: null, says: 'There are too few pictures to tell.' },
    depth: { asked: 'head', chosen: 'head', why: 'As asked.' },
    augment: [],
    head: { l2: 0.03, hidden: 0, weighted: false, folds: 5, candidates: [{ l2: 0.03, hidden: 0, log_loss: 0.121 }] },
    tail: null,
    wrong: { count: 0, listed: [] },
    suspicious: { count: 0, listed: [] },
    unknown: null,
    cost: { ms: 4321, phases: [], picture_bytes: 1e7, cache_bytes: 1e6, cache_hits: 0, computed: 245 },
    seed: 1,
    versions: { menagerie: '0.1.0', 'onnxruntime-node': '1.30.0' },
    ...more,
  };
}

/** A report in which there is something of everything, with pictures of these classes. */
export function fullReport(labels: readonly string[], files: readonly string[]): TrainingReport {
  const plain = reportOf(labels, 120);
  const [own = '', other = ''] = labels;
  const pictures = files.map((file) => pictureOf(file, own));
  const answered = { count: files.length, listed: files.map((file) => answeredOf(file, own, other)) };
  return {
    ...plain,
    warnings: [`Unbalanced: "${own}" has 121 pictures, "${other}" 5.`],
    data: {
      ...plain.data,
      classes: plain.data.classes.map((one) => ({ ...one, val: 70 })),
      val: 70 * labels.length,
      skipped: { count: files.length, listed: files.map((file) => ({ file, reason: 'corrupt_image' })) },
      duplicates: { count: 1, listed: [{ file: files[0] ?? '', same_as: files[1] ?? '' }] },
      conflicts: { count: 1, listed: [{ count: 2, listed: pictures.slice(0, 2) }] },
      near_duplicates: {
        similarity: 0.87,
        images: files.length,
        across_splits: 1,
        groups: {
          count: 1,
          listed: [
            {
              count: 100,
              listed: pictures.map((one, i) => ({ ...one, split: i === 0 ? ('val' as const) : one.split })),
            },
          ],
        },
      },
    },
    val: measuresOf(labels, 70),
    learning_curve: {
      points: [2, 5, 10, 20, 40, 120].map((per_class, i) => ({ per_class, accuracy: shareOf(0.82 + 0.028 * i) })),
      would_help: true,
      says: 'More pictures would help.',
    },
    depth: { asked: 'auto', chosen: 'head', why: 'The tail was no better.' },
    augment: ['mirror', 'rotation'],
    tail: {
      depth: 'last-block',
      weights: 412_800,
      kept: false,
      why: 'its log-loss on held-out pictures is not lower.',
      held_out: 49,
      head: { log_loss: 0.11, accuracy: 0.97 },
      tail: { log_loss: 0.13, accuracy: 0.96 },
      best_epoch: 1,
      epochs: [{ epoch: 1, loss: 0.3, log_loss: 0.13, accuracy: 0.96 }],
      trainer_waited_ms: 12,
      trained_ms: 60_000,
    },
    wrong: answered,
    suspicious: answered,
    unknown: { above: 0.4321, known: 500, held_out_share: 0.02, says: 'An answer carries "unknown": true.' },
    cost: { ...plain.cost, phases: [{ phase: 'features', ms: 2500 }] },
  };
}
