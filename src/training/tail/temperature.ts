import { at, missing } from '../../core/at.js';

/** A network that is sure of everything is tempered this much at most. */
const LEAST_SCALE = 0.05;
/** Newton's method needs about five steps. */
const MOST_STEPS = 30;
const PRECISION = 1e-4;

/**
 * The factor for logits, at most 1, with which the loss of held-out pictures is least: trained long, networks are right more often, but
 * surer than they may be (temperature scaling, of which this is the inverse: Guo et al. 2017, "On Calibration of Modern Neural
 * Networks", section 4.2).
 * @param labels class of each picture
 * @param logits pictures x classes
 * @param weights what each picture counts
 */
export function calmingScale(labels: Int32Array, logits: Float32Array, weights: Float32Array): number {
  let scale = 1;
  for (let step = 0; step < MOST_STEPS; step++) {
    const { slope, curvature } = derivatives(labels, logits, weights, scale);
    // The loss is convex in the scale. Far from its minimum a step may be too long.
    const wanted = curvature > 0 ? scale - slope / curvature : scale;
    const next = Math.min(1, Math.max(LEAST_SCALE, scale / 2, Math.min(2 * scale, wanted)));
    if (Math.abs(next - scale) < PRECISION) return next;
    scale = next;
  }
  return scale;
}

/** Of the weighted sum of the cross-entropies, by the scale. */
function derivatives(
  labels: Int32Array,
  logits: Float32Array,
  weights: Float32Array,
  scale: number,
): { slope: number; curvature: number } {
  const classes = logits.length / labels.length;
  let [slope, curvature] = [0, 0];
  for (const [picture, label] of labels.entries()) {
    const own = logits.subarray(picture * classes, (picture + 1) * classes);
    const largest = own.reduce((a, b) => Math.max(a, b));
    let [sum, mean, square] = [0, 0, 0];
    for (let c = 0; c < classes; c++) {
      const logit = (own[c] ?? missing(c)) - largest;
      const power = Math.exp(scale * logit);
      sum += power;
      mean += power * logit;
      square += power * logit * logit;
    }
    mean /= sum;
    slope += at(weights, picture) * (mean - (at(own, label) - largest));
    curvature += at(weights, picture) * (square / sum - mean * mean);
  }
  return { slope, curvature };
}
