import { missing } from '../../core/at.js';
import { createRandom } from '../../core/random.js';
import { GraphWriter } from '../../onnx/file/graph-writer.js';
import { GraphSession } from '../../runtime/networks/graph-session.js';

/** Rows that are compared with all others at once: bounds the memory of their cosines. */
const BLOCK_ROWS = 256;
/** Features shorter than this count as so long: there is no direction without a length. */
const LEAST_LENGTH = 1e-12;
const SAMPLED_PAIRS = 2000;
/** Rounds of k-means: by then hardly any row changes its centre. */
const ROUNDS = 5;

/** Cosines between rows of features, exact, by one matrix product a block. */
export class Similarity {
  /** rows x size, each of length 1. */
  readonly #rows: Float32Array;
  readonly #size: number;
  readonly #session: GraphSession;
  /** Of each row, one that it is joined with: itself, for the first of a group. */
  readonly #joined: Int32Array;

  private constructor(rows: Float32Array, size: number, session: GraphSession) {
    this.#rows = rows;
    this.#size = size;
    this.#session = session;
    this.#joined = Int32Array.from({ length: rows.length / size }, (_, row) => row);
  }

  /** @param features rows x size; scaled in place to length 1 */
  static async open(features: Float32Array, size: number): Promise<Similarity> {
    const graph = new GraphWriter();
    const [a, b] = [graph.input('a', ['A', size]), graph.input('b', ['B', size])];
    graph.output('cosines', graph.add('Gemm', [a, b], { transB: 1 }));
    for (let row = 0; row < features.length; row += size) toLengthOne(features.subarray(row, row + size));
    return new Similarity(features, size, await GraphSession.open(graph.bytes(), 'Comparing pictures'));
  }

  release(): Promise<void> {
    return this.#session.release();
  }

  /** The median cosine of pairs drawn at random; 0 if there is one row only. */
  medianOfPairs(seed: number): number {
    const count = this.#joined.length;
    if (count < 2) return 0;
    const random = createRandom(seed);
    const cosines = Float64Array.from({ length: SAMPLED_PAIRS }, () => {
      const a = random.integer(count);
      const b = (a + 1 + random.integer(count - 1)) % count;
      return dot(this.#row(a), this.#row(b));
    }).sort();
    return cosines[SAMPLED_PAIRS / 2] ?? 0;
  }

  /** Joins the rows from `from` on with later rows whose cosine is `threshold` or more. @returns the first row not compared yet */
  async join(from: number, threshold: number): Promise<number> {
    const count = this.#joined.length;
    const to = Math.min(count, from + BLOCK_ROWS);
    const cosines = await this.#cosines(this.#between(from, to), this.#between(from, count));
    const width = count - from;
    for (let a = 0; a < to - from; a++) {
      for (let b = a + 1; b < width; b++) {
        if ((cosines[a * width + b] ?? missing(b)) >= threshold) this.#unite(from + a, from + b);
      }
    }
    return to;
  }

  /** Of each row the first row that it is joined with, through others too. */
  groups(): Float32Array {
    return Float32Array.from(this.#joined, (_, row) => this.#first(row));
  }

  /**
   * Rows of length 1 that stand for rows: the rows themselves if they are few, else centres of spherical k-means (Dhillon and Modha
   * 2001, "Concept decompositions").
   * @returns at most `most` x size
   */
  async centres(rows: Int32Array, most: number, seed: number): Promise<Float32Array> {
    if (rows.length <= most) return this.#gather(rows);
    const size = this.#size;
    let centres = this.#gather(drawn(rows, most, seed));
    for (let round = 0; round < ROUNDS; round++) {
      const sums = new Float32Array(centres.length);
      await this.#nearest(rows, centres, (row, centre) => {
        const [own, sum] = [this.#row(row), centre * size];
        for (let j = 0; j < size; j++) sums[sum + j] = (sums[sum + j] ?? missing(j)) + (own[j] ?? missing(j));
      });
      const last = centres;
      for (let at = 0; at < sums.length; at += size) {
        const sum = sums.subarray(at, at + size);
        // A centre that no row is nearest to stays.
        if (sum.every((value) => value === 0)) sum.set(last.subarray(at, at + size));
        toLengthOne(sum);
      }
      centres = sums;
    }
    return centres;
  }

  /** 1 - the largest cosine between each of the rows and any known row. @param known rows of length 1 */
  async distances(rows: Int32Array, known: Float32Array): Promise<Float32Array> {
    const distances = new Float32Array(rows.length);
    await this.#nearest(rows, known, (_row, _known, cosine, i) => {
      distances[i] = 1 - cosine;
    });
    return distances;
  }

  async #nearest(
    rows: Int32Array,
    known: Float32Array,
    found: (row: number, known: number, cosine: number, i: number) => void,
  ): Promise<void> {
    const width = known.length / this.#size;
    for (let from = 0; from < rows.length; from += BLOCK_ROWS) {
      const block = rows.subarray(from, from + BLOCK_ROWS);
      const cosines = await this.#cosines(this.#gather(block), known);
      for (const [i, row] of block.entries()) {
        let best = 0;
        for (let k = 1; k < width; k++) {
          if ((cosines[i * width + k] ?? missing(k)) > (cosines[i * width + best] ?? missing(k))) best = k;
        }
        found(row, best, cosines[i * width + best] ?? missing(best), from + i);
      }
    }
  }

  async #cosines(a: Float32Array, b: Float32Array): Promise<Float32Array> {
    const size = this.#size;
    const feeds = {
      a: { values: a, dims: [a.length / size, size] },
      b: { values: b, dims: [b.length / size, size] },
    };
    return (await this.#session.run(feeds, ['cosines']))('cosines');
  }

  #row(row: number): Float32Array {
    return this.#between(row, row + 1);
  }

  #between(from: number, to: number): Float32Array {
    return this.#rows.subarray(from * this.#size, to * this.#size);
  }

  #gather(rows: Int32Array): Float32Array {
    const gathered = new Float32Array(rows.length * this.#size);
    for (const [i, row] of rows.entries()) gathered.set(this.#row(row), i * this.#size);
    return gathered;
  }

  #unite(a: number, b: number): void {
    const [first, second] = [this.#first(a), this.#first(b)];
    this.#joined[Math.max(first, second)] = Math.min(first, second);
  }

  #first(row: number): number {
    let first = row;
    for (
      let next = this.#joined[first] ?? missing(first);
      next !== first;
      next = this.#joined[first] ?? missing(first)
    ) {
      this.#joined[first] = this.#joined[next] ?? missing(next);
      first = next;
    }
    return first;
  }
}

/** Different entries, drawn at random. */
function drawn(rows: Int32Array, count: number, seed: number): Int32Array {
  const random = createRandom(seed);
  const left = rows.slice();
  for (let i = 0; i < count; i++) {
    const other = i + random.integer(left.length - i);
    [left[i], left[other]] = [left[other] ?? missing(other), left[i] ?? missing(i)];
  }
  return left.slice(0, count);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += (a[j] ?? missing(j)) * (b[j] ?? missing(j));
  return sum;
}

function toLengthOne(row: Float32Array): void {
  const length = Math.max(LEAST_LENGTH, Math.sqrt(dot(row, row)));
  for (let j = 0; j < row.length; j++) row[j] = (row[j] ?? missing(j)) / length;
}
