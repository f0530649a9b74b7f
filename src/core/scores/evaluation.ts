import { type Combined, LEAST_PROBABILITY } from './averaging.js';
import { topK } from './top-k.js';

/** How often a class was right. */
export interface ClassResult {
  index: number;
  images: number;
  /** Answered with the class first. */
  top1: number;
  /** Answered with the class among the first five. */
  top5: number;
}

/** What a test set said of a network. */
export interface EvaluationResult {
  images: number;
  /** 0..1 */
  top1: number;
  /** 0..1 */
  top5: number;
  /** Mean of -ln of the right class's probability (at least 2^-126). */
  meanLoss: number;
  /** Expected calibration error, 0..1. */
  calibrationError: number;
  /** Classes that occurred, by index. */
  classes: ClassResult[];
  /** How often class `label` was answered `answer`: those that occurred, by label and answer. */
  confusion: { label: number; answer: number; images: number }[];
}

/** Bins of Guo et al. 2017, "On Calibration of Modern Neural Networks", section 2. */
const BINS = 15;

/** Collects answers to labelled pictures. */
export class Evaluation {
  #images = 0;
  #right = 0;
  #loss = 0;
  readonly #bins = Array.from({ length: BINS }, () => ({ images: 0, right: 0, confidence: 0 }));
  readonly #classes = new Map<number, ClassResult>();
  readonly #confusion = new Map<number, Map<number, number>>();

  /** Share of the answers so far that name the class first, 0..1. */
  get top1(): number {
    return this.#right / Math.max(1, this.#images);
  }

  /** @param label index of the class that the picture shows */
  add(label: number, { scores, tieBreak }: Combined): void {
    const best = topK(scores, 5, tieBreak);
    const [first] = best;
    if (!first) throw new Error('an answer without classes');
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

  /** What was collected so far; of no pictures everything is 0. */
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
