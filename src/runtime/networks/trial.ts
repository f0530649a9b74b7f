import { at, missing } from '../../core/at.js';
import { MenagerieError } from '../../core/errors.js';
import { createNormalise } from '../../core/pixels/normalise.js';
import { PIXEL_TYPES, type PixelType, type PixelValues } from '../../core/pixels/pixel-type.js';
import { countOf } from '../../core/shape.js';
import type { NetworkSpec } from './network-spec.js';
import { mismatch, type Signature } from './signature.js';

/** Bytes of the pictures on which networks are tried: black, white, noise, and from dark to light. */
const PICTURES: readonly ((i: number, length: number) => number)[] = [
  () => 0,
  () => 255,
  (i) => Math.imul(i + 1, 0x9e3779b1) >>> 24,
  (i, length) => Math.floor((256 * i) / length),
];

/** Score differences between a view alone and the same view in a batch that rounding explains: relative to the range and the size. */
const [OF_RANGE, OF_SIZE] = [0.02, 0.001];
/** Probabilities in low precision sum to 1 only roughly. */
const SUM_OF_CLAIMED = 0.1;
/** Logits that sum to 1 this exactly, and in every picture, are probabilities. */
const SUM_OF_FOUND = 0.01;
/** Fewer logits than this could all lie between 0 and 1 by chance. */
const LEAST_TOLD_APART = 5;

/** The first runs of a network, on known pictures. They tell whether its scores are what its manifest states. */
export class Trial {
  readonly #spec: NetworkSpec;
  readonly #type: PixelType;
  /** Number of values of a view. */
  readonly #length: number;
  /** The input for all pictures, one after the other; undefined until it is asked for. */
  #pictures: PixelValues | undefined;
  /** Scores of each picture alone. */
  readonly #alone: Float32Array[] = [];

  constructor(spec: NetworkSpec, { type, view }: Signature) {
    this.#spec = spec;
    this.#type = type;
    this.#length = countOf(view);
  }

  /** The input for the next run: of one view, the pictures in turn; of several, all pictures over and over. */
  input(rows: number): PixelValues {
    if (rows === 1) return this.#picture(this.#alone.length);
    const values = this.#memory(rows);
    for (let row = 0; row < rows; row++) values.set(this.#picture(row), row * this.#length);
    return values;
  }

  /**
   * Checks the class scores of the run on `input(rows)`: those of one view for what the manifest states, those of several against the
   * same views alone.
   * @throws MenagerieError `signature_mismatch`, `scores_not_finite`
   */
  check(scores: Float32Array, rows: number): void {
    checkFinite(scores);
    if (rows === 1) {
      this.#alone.push(scores.slice());
      if (this.#alone.length >= PICTURES.length) checkKind(this.#alone, this.#spec);
      return;
    }
    for (let row = 0; row < rows; row++) {
      const alone = this.#alone[row % PICTURES.length] ?? missing(row);
      const together = scores.subarray(row * alone.length, (row + 1) * alone.length);
      if (!isClose(alone, together)) throw mismatch('the scores of a view depend on the other views in the batch');
    }
  }

  #picture(turn: number): PixelValues {
    this.#pictures ??= this.#draw();
    const from = (turn % PICTURES.length) * this.#length;
    return this.#pictures.subarray(from, from + this.#length);
  }

  #draw(): PixelValues {
    const { preprocess, input } = this.#spec;
    const values = this.#memory(PICTURES.length);
    const normalise = createNormalise(preprocess, input.layout, this.#type);
    const pixels = new Uint8Array(this.#length);
    for (const [p, byte] of PICTURES.entries()) {
      // Filled in a loop: Uint8Array.from with a function takes five times as long, at every start.
      for (let i = 0; i < pixels.length; i++) pixels[i] = byte(i, this.#length);
      normalise(pixels, values.subarray(p * this.#length, (p + 1) * this.#length));
    }
    return values;
  }

  #memory(rows: number): PixelValues {
    return new PIXEL_TYPES[this.#type].array(rows * this.#length);
  }
}

/** @throws MenagerieError `scores_not_finite` */
export function checkFinite(scores: Float32Array): void {
  // Any score that is not finite makes the sum so. float32 values cannot overflow a sum of doubles.
  let sum = 0;
  for (const score of scores) sum += score;
  if (Number.isFinite(sum)) return;
  throw new MenagerieError('scores_not_finite', 'The network gives scores that are not numbers: infinite, or NaN.');
}

/** @param answers class scores of different pictures */
function checkKind(answers: readonly Float32Array[], { output, labels }: NetworkSpec): void {
  const { name, kind, multi_label } = output;
  const inRange = (slack: number) => answers.every((scores) => scores.every((p) => p >= -slack && p <= 1 + slack));
  const sumsToOne = (slack: number) => answers.every((scores) => Math.abs(sumOf(scores) - 1) <= slack);
  if (kind === 'probabilities') {
    const range = rangeOf(answers);
    if (!inRange(SUM_OF_FOUND))
      throw mismatch(`output.kind is "probabilities", but "${name}" gives scores of ${range}: state "logits"`);
    if (multi_label || sumsToOne(SUM_OF_CLAIMED)) return;
    const sums = answers.map((scores) => sumOf(scores).toPrecision(3)).join(', ');
    throw mismatch(
      `the probabilities of "${name}" sum to ${sums}, not to 1; if each class has a probability of its own, state output.multi_label`,
    );
  }
  const found = multi_label ? labels >= LEAST_TOLD_APART && inRange(0) : inRange(0) && sumsToOne(SUM_OF_FOUND);
  // A binary network has the logits 0 and x.
  if (found && labels > 2)
    throw mismatch(`output.kind is "logits", but "${name}" gives probabilities: state "probabilities"`);
}

function sumOf(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function rangeOf(answers: readonly Float32Array[]): string {
  const all = answers.flatMap((scores) => [...scores]);
  return `${Math.min(...all).toPrecision(3)} to ${Math.max(...all).toPrecision(3)}`;
}

function isClose(a: Float32Array, b: Float32Array): boolean {
  const size = Math.max(...a.map(Math.abs));
  const slack = OF_RANGE * (Math.max(...a) - Math.min(...a)) + OF_SIZE * size;
  return a.every((value, i) => Math.abs(value - at(b, i)) <= slack);
}
