import { missing } from '../../core/at.js';

/** How features were standardised: (value - mean) x scale. */
export interface Standardisation {
  mean: Float64Array;
  /** 1 / standard deviation; 0 for a feature that is the same in all rows. */
  scale: Float64Array;
}

/** A feature whose standard deviation is a smaller part of its mean than this differs by rounding only. */
const CONSTANT = 1e-6;

/**
 * Standardises features in place: mean 0 and standard deviation 1, or 0 everywhere for a feature that is the same in all rows.
 * @param features rows x size
 */
export function standardise(features: Float32Array, size: number): Standardisation {
  const mean = new Float64Array(size);
  const scale = new Float64Array(size);
  const rows = features.length / size;
  eachValue(features, size, (value, j) => {
    mean[j] = (mean[j] ?? missing(j)) + value / rows;
  });
  eachValue(features, size, (value, j) => {
    scale[j] = (scale[j] ?? missing(j)) + (value - (mean[j] ?? missing(j))) ** 2 / rows;
  });
  for (let j = 0; j < size; j++) {
    const deviation = Math.sqrt(scale[j] ?? missing(j));
    scale[j] = deviation > CONSTANT * Math.abs(mean[j] ?? missing(j)) ? 1 / deviation : 0;
  }
  eachValue(features, size, (value, j, i) => {
    features[i] = (value - (mean[j] ?? missing(j))) * (scale[j] ?? missing(j));
  });
  return { mean, scale };
}

/**
 * The layer that gives for plain features what the layer given gives for standardised ones.
 * @param weights outputs x size
 * @param bias one for each output
 */
export function foldedIn(
  { mean, scale }: Standardisation,
  weights: Float32Array,
  bias: Float32Array,
): { weights: Float32Array; bias: Float32Array } {
  const folded = new Float32Array(weights.length);
  const sums = Float64Array.from(bias);
  const size = mean.length;
  for (let i = 0; i < weights.length; i++) {
    const [j, output] = [i % size, Math.floor(i / size)];
    const weight = (weights[i] ?? missing(i)) * (scale[j] ?? missing(j));
    folded[i] = weight;
    sums[output] = (sums[output] ?? missing(output)) - weight * (mean[j] ?? missing(j));
  }
  return { weights: folded, bias: Float32Array.from(sums) };
}

function eachValue(
  features: Float32Array,
  size: number,
  visit: (value: number, column: number, i: number) => void,
): void {
  for (let row = 0; row < features.length; row += size) {
    for (let j = 0; j < size; j++) visit(features[row + j] ?? missing(row + j), j, row + j);
  }
}
