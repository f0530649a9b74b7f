import { missing } from '../../core/at.js';

/** A function to minimise: its value and its gradient at a point, which are float32 as in the graph that computes them. */
export type Objective = (point: Float32Array) => Promise<{ value: number; gradient: Float32Array }>;

export interface LbfgsOptions {
  /** Stops when no part of the gradient is larger. */
  tolerance: number;
  maxIterations: number;
}

/** Pairs of steps and gradient changes that are kept. */
const MEMORY = 10;
/** Armijo's condition: the share of the expected decrease that a step must reach. */
const SUFFICIENT = 1e-4;
/** Halvings of a step. Without a decrease by then, float32 gradients can tell no better point. */
const MAX_HALVINGS = 20;

interface Pair {
  step: Float32Array;
  change: Float32Array;
  /** 1 / (step . change) */
  rho: number;
}

/**
 * Minimises a function from `start` by L-BFGS with backtracking (Nocedal and Wright, "Numerical Optimization", 2006, algorithms 7.4
 * and 3.1).
 * @returns the best point found; it is the minimum for a convex function
 */
export async function minimise(
  objective: Objective,
  start: Float32Array,
  { tolerance, maxIterations }: LbfgsOptions,
): Promise<Float32Array> {
  let point = start;
  let { value, gradient } = await objective(point);
  const pairs: Pair[] = [];
  for (let iteration = 0; iteration < maxIterations && largest(gradient) > tolerance; iteration++) {
    const direction = descent(gradient, pairs);
    const slope = dot(gradient, direction);
    // Before anything is known of the curvature, a step of length 1 at most.
    let length = pairs.length > 0 ? 1 : Math.min(1, 1 / norm(gradient));
    let next = moved(point, direction, length);
    let found = await objective(next);
    for (let i = 0; !(found.value <= value + SUFFICIENT * length * slope); i++) {
      if (i === MAX_HALVINGS) return point;
      length /= 2;
      next = moved(point, direction, length);
      found = await objective(next);
    }
    remember(pairs, difference(next, point), difference(found.gradient, gradient));
    point = next;
    ({ value, gradient } = found);
  }
  return point;
}

/** Minus the gradient times the inverse curvature that the pairs tell (the two-loop recursion). */
function descent(gradient: Float32Array, pairs: readonly Pair[]): Float32Array {
  const direction = gradient.map((value) => -value);
  const newestFirst = [...pairs].reverse();
  const shares = newestFirst.map(({ step, change, rho }) => {
    const share = rho * dot(step, direction);
    add(direction, change, -share);
    return share;
  });
  const [newest] = newestFirst;
  if (newest) {
    const scale = 1 / (newest.rho * dot(newest.change, newest.change));
    for (let i = 0; i < direction.length; i++) direction[i] = scale * (direction[i] ?? missing(i));
  }
  for (const [i, { step, change, rho }] of pairs.entries()) {
    const share = shares[pairs.length - 1 - i] ?? missing(i);
    add(direction, step, share - rho * dot(change, direction));
  }
  return direction;
}

/** A pair without positive curvature, as beside a kink, would spoil the direction. */
function remember(pairs: Pair[], step: Float32Array, change: Float32Array): void {
  const curvature = dot(step, change);
  if (!(curvature > Number.EPSILON * dot(change, change))) return;
  pairs.push({ step, change, rho: 1 / curvature });
  if (pairs.length > MEMORY) pairs.shift();
}

/** With four sums, because each addition waits for the one before it. */
function dot(a: Float32Array, b: Float32Array): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  const whole = a.length - (a.length % 4);
  for (let i = 0; i < whole; i += 4) {
    s0 += (a[i] ?? missing(i)) * (b[i] ?? missing(i));
    s1 += (a[i + 1] ?? missing(i)) * (b[i + 1] ?? missing(i));
    s2 += (a[i + 2] ?? missing(i)) * (b[i + 2] ?? missing(i));
    s3 += (a[i + 3] ?? missing(i)) * (b[i + 3] ?? missing(i));
  }
  for (let i = whole; i < a.length; i++) s0 += (a[i] ?? missing(i)) * (b[i] ?? missing(i));
  return s0 + s1 + (s2 + s3);
}

function norm(a: Float32Array): number {
  return Math.sqrt(dot(a, a));
}

function largest(a: Float32Array): number {
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i] ?? missing(i)));
  return most;
}

function add(to: Float32Array, a: Float32Array, times: number): void {
  for (let i = 0; i < to.length; i++) to[i] = (to[i] ?? missing(i)) + times * (a[i] ?? missing(i));
}

function moved(point: Float32Array, direction: Float32Array, length: number): Float32Array {
  const next = point.slice();
  add(next, direction, length);
  return next;
}

function difference(a: Float32Array, b: Float32Array): Float32Array {
  const result = new Float32Array(a.length);
  for (let i = 0; i < a.length; i++) result[i] = (a[i] ?? missing(i)) - (b[i] ?? missing(i));
  return result;
}
