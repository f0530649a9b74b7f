import { asPercent } from '../../core/units.js';
import type { MeasuredShare, Measures } from '../../training/report/report-parts.js';
import type { TailReport, TrainingReport } from '../../training/report/training-report.js';
import { formatBytes } from '../format.js';

// ReportTable of tables that the text and the page share. Names of classes and files are as they came: the form makes them safe.

/** Classes that are listed one by one; if there are more, the worst ones are. */
const LISTED_CLASSES = 40;
const LISTED_PAIRS = 20;

/** A table: names of columns, rows, which columns are right-aligned, and what to say about it. */
export interface ReportTable {
  header: string[];
  rows: string[][];
  right: number[];
  note?: string;
}

/** A share and its interval: 96.7 % (93.7 to 98.3). */
export function withInterval({ value, low, high }: MeasuredShare): string {
  return `${asPercent(value)} (${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)})`;
}

/** How good the network is, in cross-validation and on val. */
export function measureRows({ cross_validation, val }: TrainingReport): ReportTable {
  const row = (name: string, shown: (measures: Measures) => string, note: string) => [
    name,
    shown(cross_validation),
    ...(val ? [shown(val)] : []),
    note,
  ];
  return {
    header: ['Measure', 'Cross-validation', ...(val ? ['On val'] : []), 'What it is'],
    rows: [
      row('Accuracy', ({ accuracy }) => withInterval(accuracy), 'with its 95 % interval'),
      row('Base rate', ({ base_rate }) => asPercent(base_rate.value), 'always the largest class'),
      row('Balanced accuracy', (measures) => asPercent(measures.balanced_accuracy), 'mean recall of the classes'),
      row('Log-loss', ({ log_loss }) => log_loss.toFixed(3), 'lower is better'),
      row('Calibration error', (measures) => asPercent(measures.calibration_error), 'how far probabilities err'),
      row('Pictures', ({ images }) => images.toLocaleString('en'), 'tested'),
    ],
    right: val ? [1, 2] : [1],
  };
}

/** The classes, or the worst of them: pictures, recall and what they are taken for. */
export function classRows({ data, cross_validation, val }: TrainingReport): ReportTable {
  const recallOf = (measures: Measures | null, index: number) => measures?.classes[index]?.recall ?? null;
  const shown = (recall: MeasuredShare | null) => (recall ? withInterval(recall) : '');
  const taken = new Map<number, Measures['confusion'][number]>();
  for (const pair of cross_validation.confusion) {
    if (pair.label !== pair.answer && pair.images > (taken.get(pair.label)?.images ?? 0)) taken.set(pair.label, pair);
  }
  const all = data.classes.map((one, index) => ({ ...one, index, recall: recallOf(cross_validation, index) }));
  const worst = [...all].sort((a, b) => (a.recall?.value ?? 0) - (b.recall?.value ?? 0) || a.index - b.index);
  const listed = all.length <= LISTED_CLASSES ? all : worst.slice(0, LISTED_CLASSES);
  return {
    header: ['Class', 'Train', ...(val ? ['Val'] : []), 'Recall', ...(val ? ['Recall on val'] : []), 'Most taken for'],
    rows: listed.map(({ label, train, val: tested, index, recall }) => {
      const most = taken.get(index);
      return [
        label,
        train.toLocaleString('en'),
        ...(val ? [(tested ?? 0).toLocaleString('en')] : []),
        shown(recall),
        ...(val ? [shown(recallOf(val, index))] : []),
        most ? `${nameOf(data.classes, most.answer)} (${most.images})` : '',
      ];
    }),
    right: val ? [1, 2, 3, 4] : [1, 2],
    ...(listed.length < all.length ? { note: `The ${listed.length} worst of ${all.length} classes.` } : {}),
  };
}

/** The pairs of classes that are confused most. */
export function pairRows({ data }: TrainingReport, { confusion, classes }: Measures): ReportTable {
  const pairs = confusion.filter(({ label, answer }) => label !== answer).sort((a, b) => b.images - a.images);
  return {
    header: ['Class', 'Answered', 'Pictures', 'Of the class'],
    rows: pairs
      .slice(0, LISTED_PAIRS)
      .map(({ label, answer, images }) => [
        nameOf(data.classes, label),
        nameOf(data.classes, answer),
        images.toLocaleString('en'),
        asPercent(images / Math.max(1, classes[label]?.images ?? 0)),
      ]),
    right: [2, 3],
    ...(pairs.length > LISTED_PAIRS ? { note: `The ${LISTED_PAIRS} worst of ${pairs.length} pairs.` } : {}),
  };
}

function nameOf(classes: TrainingReport['data']['classes'], index: number): string {
  return classes[index]?.label ?? `class ${index}`;
}

export function curveRows({ learning_curve }: TrainingReport): ReportTable {
  return {
    header: ['Pictures of a class', 'Accuracy'],
    rows: learning_curve.points.map(({ per_class, accuracy }) => [
      per_class.toLocaleString('en'),
      withInterval(accuracy),
    ]),
    right: [0, 1],
  };
}

/** What was trained, and how it was chosen. */
export function choiceRows({ depth, head, augment, tail, base, result }: TrainingReport): string[][] {
  return [
    ['Base', `${base.model}, ${base.variant}; ${result.features.toLocaleString('en')} features of a picture`],
    ['Depth', `${depth.chosen} (asked: ${depth.asked}). ${depth.why}`],
    [
      'Head',
      `L2 ${shownL2(head.l2)}, ${head.hidden > 0 ? `${head.hidden} hidden units` : 'no hidden layer'}, ` +
        `${head.weighted ? 'all classes of the same weight' : 'all pictures of the same weight'}; ` +
        `the best of ${head.candidates.length} in ${head.folds}-fold cross-validation`,
    ],
    ['Augmentation', augment.length > 0 ? augment.join(', ') : 'none'],
    ...(tail ? [['Tail', tailSays(tail)]] : []),
  ];
}

function tailSays({
  kept,
  why,
  weights,
  held_out,
  head,
  tail,
  best_epoch,
  epochs,
  trainer_waited_ms,
  trained_ms,
}: TailReport): string {
  const compared = tail
    ? ` Log-loss on ${held_out.toLocaleString('en')} held-out pictures: head ${head.log_loss.toFixed(3)}, tail ` +
      `${tail.log_loss.toFixed(3)}; accuracy ${asPercent(head.accuracy)} and ${asPercent(tail.accuracy)}.`
    : '';
  const best = best_epoch === null ? '' : ` Epoch ${best_epoch} of ${epochs.length} was the best.`;
  return (
    `${kept ? 'Kept' : 'Not kept'}: ${why}${compared}${best} ${weights.toLocaleString('en')} weights; the trainer waited ` +
    `${shownTime(trainer_waited_ms)} of ${shownTime(trained_ms)} for pictures.`
  );
}

function shownL2(l2: number): string {
  return String(Number(l2.toPrecision(3)));
}

export function candidateRows({ head }: TrainingReport): ReportTable {
  return {
    header: ['L2', 'Hidden units', 'Log-loss'],
    rows: head.candidates.map(({ l2, hidden, log_loss }) => [shownL2(l2), String(hidden), log_loss.toFixed(4)]),
    right: [0, 1, 2],
  };
}

export function epochRows({ epochs }: TailReport): ReportTable {
  return {
    header: ['Epoch', 'Training loss', 'Held-out log-loss', 'Held-out accuracy'],
    rows: epochs.map(({ epoch, loss, log_loss, accuracy }) => [
      String(epoch),
      loss.toFixed(4),
      log_loss.toFixed(4),
      asPercent(accuracy),
    ]),
    right: [0, 1, 2, 3],
  };
}

/** Time, bytes and what is needed to do it again. */
export function recordRows({ cost, data, base, result, seed, versions }: TrainingReport): string[][] {
  const phases = cost.phases.map(({ phase, ms }) => `${phase} ${shownTime(ms)}`).join(', ');
  return [
    ['Time', `${shownTime(cost.ms)}${phases ? `: ${phases}` : ''}`],
    [
      'Features',
      `${cost.cache_hits.toLocaleString('en')} from the cache, ${cost.computed.toLocaleString('en')} computed`,
    ],
    [
      'Bytes',
      `pictures ${formatBytes(cost.picture_bytes)}, features on disk ${formatBytes(cost.cache_bytes)}, ` +
        `new file ${formatBytes(result.bytes)}`,
    ],
    ['SHA-256 of base', base.sha256],
    ['SHA-256 of data', data.sha256],
    ['SHA-256 of result', result.sha256],
    ['Seed', String(seed)],
    [
      'Versions',
      Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
  ];
}

function shownTime(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 100_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}
