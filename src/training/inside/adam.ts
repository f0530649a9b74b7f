import { missing } from '../../core/at.js';

const [OF_MEAN, OF_SQUARE, EPSILON] = [0.9, 0.999, 1e-8];
/** Gradients longer than this are shortened to it. */
const MOST_NORM = 1;

/** Adam (Kingma and Ba 2015, algorithm 1), on gradients whose length is limited (Pascanu et al. 2013, algorithm 1). */
export class Adam {
  readonly #means: Float32Array[];
  readonly #squares: Float32Array[];
  #steps = 0;

  /** @param sizes number of values of each weight */
  constructor(sizes: readonly number[]) {
    this.#means = sizes.map((size) => new Float32Array(size));
    this.#squares = sizes.map((size) => new Float32Array(size));
  }

  /**
   * Changes weights by one step.
   * @returns length of the gradient of all weights together, before it was limited
   */
  step(weights: readonly Float32Array[], gradients: readonly Float32Array[], learningRate: number): number {
    const norm = Math.sqrt(gradients.reduce((sum, gradient) => sum + squaredLength(gradient), 0));
    const scale = norm > MOST_NORM ? MOST_NORM / norm : 1;
    this.#steps++;
    const meanScale = 1 / (1 - OF_MEAN ** this.#steps);
    const squareScale = 1 / (1 - OF_SQUARE ** this.#steps);
    for (const [w, weight] of weights.entries()) {
      const [mean, square, gradient] = [this.#means[w], this.#squares[w], gradients[w]];
      if (!mean || !square || !gradient) throw new Error(`there is no gradient for weight ${w}`);
      for (let i = 0; i < weight.length; i++) {
        const slope = scale * (gradient[i] ?? missing(i));
        const m = OF_MEAN * (mean[i] ?? missing(i)) + (1 - OF_MEAN) * slope;
        const s = OF_SQUARE * (square[i] ?? missing(i)) + (1 - OF_SQUARE) * slope * slope;
        mean[i] = m;
        square[i] = s;
        weight[i] = (weight[i] ?? missing(i)) - (learningRate * meanScale * m) / (Math.sqrt(squareScale * s) + EPSILON);
      }
    }
    return norm;
  }
}

function squaredLength(values: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] ?? missing(i)) ** 2;
  return sum;
}
