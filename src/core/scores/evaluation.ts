import { type Combined, LEAST_PROBABILITY } from './averaging.js';
import { topK } from './top-k.js';

/** The results for the pictures of one class. */
export interface ClassResult {
  index: number;
  images: number;
  /** Pictures whose best class was this one. */
  top1: number;
  /** Pictures with this class among the best five. */
  top5: number;
}

/** The results of evaluating a model on a test set. */
export interface EvaluationResult {
  images: number;
  /** 0..1 */
  top1: number;
  /** 0..1 */
  top5: number;
  /** Mean of -ln of the true class's probability (at least 2^-126). */
  meanLoss: number;
  /** Expected calibration error, 0..1. */
  calibrationError: number;
  /** The classes that occurred, by index. */
  classes: ClassResult[];
  /** Number of pictures of class `label` that were classified as `answer`: the pairs that occurred, by label and answer. */
  confusion: { label: number; answer: number; images: number }[];
}

/** Bins of Guo et al. 2017, "On Calibration of Modern Neural Networks", section 2. */
const BINS = 15;

/** Collects the answers about labelled pictures. */
export class Evaluation {
  #images = 0;
  #right = 0;
  #loss = 0;
  readonly #bins = Array.from({ length: BINS }, () => ({ images: 0, right: 0, confidence: 0 }));
  readonly #classes = new Map<number, ClassResult>();
  readonly #confusion = new Map<number, Map<number, number>>();

  /** Top-1 accuracy so far, 0..1. */
  get top1(): number {
    return this.#right / Math.max(1, this.#images);
  }

  /** @param label index of the picture's true class */
  add(label: number, { scores, tieBreak }: Combined): void {
    const best = topK(scores, 5, tieBreak);
    const [first] = best;
    if (!first) throw new Error('the answer has no classes');
    const right = first.index === label;
    this.#images++;
    this.#loss -= Math.log(Math.max(scores[label] ?? 0, LEAST_PROBABILITY));
    // A confidence of 0.2 lies in the bin (2/15, 3/15].
    const bin = this.#bins[Math.min(BINS - 1, Math.max(0, Math.ceil(first.score * BINS) - 1))];
    if (bin) {
      bin.images++;
      bin.confidence += first.score;
      if (right) bin.right++;
    }
    const own = this.#classes.get(label) ?? { index: label, images: 0, top1: 0, top5: 0 };
    this.#classes.set(label, own);
    own.images++;
    if (right) {
      own.top1++;
      this.#right++;
    }
    if (best.some(({ index }) => index === label)) own.top5++;
    const row = this.#confusion.get(label) ?? new Map<number, number>();
    this.#confusion.set(label, row);
    row.set(first.index, (row.get(first.index) ?? 0) + 1);
  }

  /** The results so far; all 0 if there are no pictures. */
  result(): EvaluationResult {
    const images = Math.max(1, this.#images);
    const classes = [...this.#classes.values()].sort((a, b) => a.index - b.index);
    const total = (of: (one: ClassResult) => number) => classes.reduce((sum, one) => sum + of(one), 0);
    const gaps = this.#bins.reduce((sum, { right, confidence }) => sum + Math.abs(right - confidence), 0);
    const confusion = classes.flatMap(({ index: label }) =>
      [...(this.#confusion.get(label) ?? [])]
        .sort(([a], [b]) => a - b)
        .map(([answer, count]) => ({ label, answer, images: count })),
    );
    return {
      images: this.#images,
      top1: this.top1,
      top5: total(({ top5 }) => top5) / images,
      meanLoss: this.#loss / images,
      calibrationError: gaps / images,
      classes,
      confusion,
    };
  }
}
