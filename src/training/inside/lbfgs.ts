import { missing } from '../../core/at.js';

/** A function to minimise: its value and its gradient at a point. */
export type Objective = (point: Float64Array) => Promise<{ value: number; gradient: Float64Array }>;

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
  start: Float64Array,
  { tolerance, maxIterations }: LbfgsOptions,
): Promise<Float64Array> {
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
function descent(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
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

type Vector = Float64Array | Float32Array;

function dot(a: Vector, b: Vector): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? missing(i)) * (b[i] ?? missing(i));
  return sum;
}

function norm(a: Vector): number {
  return Math.sqrt(dot(a, a));
}

function largest(a: Vector): number {
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i] ?? missing(i)));
  return most;
}

function add(to: Float64Array, a: Vector, times: number): void {
  for (let i = 0; i < to.length; i++) to[i] = (to[i] ?? missing(i)) + times * (a[i] ?? missing(i));
}

function moved(point: Float64Array, direction: Float64Array, length: number): Float64Array {
  const next = point.slice();
  add(next, direction, length);
  return next;
}

function difference(a: Float64Array, b: Float64Array): Float32Array {
  const result = new Float32Array(a.length);
  for (let i = 0; i < a.length; i++) result[i] = (a[i] ?? missing(i)) - (b[i] ?? missing(i));
  return result;
}
