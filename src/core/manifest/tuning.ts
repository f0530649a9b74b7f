import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { VariantNameSchema } from './manifest.js';
import { parseDescription } from './parse-description.js';

// What `menagerie tune` tries, how it chooses, and the file tuned.json beside a manifest that it writes.

const strict = { additionalProperties: false } as const;
const count = Type.Integer({ minimum: 1, maximum: 1024 });

/** What decides whether figures of one machine hold on another. */
const TunedMachineSchema = Type.Object(
  { cpu: Type.String(), cores: count, device: Type.Enum(['cpu', 'cuda']), runtime: Type.String() },
  strict,
);
export type TunedMachine = Static<typeof TunedMachineSchema>;

const TunedSchema = Type.Object(
  {
    goal: Type.Enum(['throughput', 'latency']),
    machine: TunedMachineSchema,
    variant: VariantNameSchema,
    lanes: count,
    threads: count,
    batch: count,
    images_per_s: Type.Number(),
    latency_ms: Type.Number(),
    date: Type.String(),
  },
  { ...strict, $id: 'tuned' },
);
/** What was found best for one model on one machine. */
export type Tuned = Static<typeof TunedSchema>;
export type Goal = Tuned['goal'];

const validator = Compile(TunedSchema);

/** @throws MenagerieError `invalid_manifest` */
export function parseTuned(text: string, file: string): Tuned {
  return parseDescription(text, file, validator, {}, () => []);
}

/** Whether figures of one machine hold on the other. */
export function isSameMachine(a: TunedMachine, b: TunedMachine): boolean {
  return a.cpu === b.cpu && a.cores === b.cores && a.device === b.device && a.runtime === b.runtime;
}

/** Lanes, and threads that each computes with. */
export interface Layout {
  lanes: number;
  threads: number;
}

/** Numbers of lanes that may pay on a GPU: while one computes, others prepare pictures. */
const GPU_LANES = [1, 2, 4];

/**
 * The layouts worth trying. On a CPU lanes x threads is at most the number of cores: more threads than cores only get into
 * each other's way. On a GPU the threads have little to do.
 */
export function layoutsFor(cores: number, device: 'cpu' | 'cuda'): Layout[] {
  if (device === 'cuda') return GPU_LANES.filter((lanes) => lanes <= cores).map((lanes) => ({ lanes, threads: 1 }));
  const threads = new Set<number>();
  for (let n = 1; n < cores; n *= 2) threads.add(n);
  threads.add(cores);
  return [...threads].map((n) => ({ lanes: Math.floor(cores / n), threads: n }));
}

/** Rows of a batch that are tried, each only if the one before was faster than all smaller ones. */
export const TUNED_BATCHES = [1, 4, 16];

/** A combination and what it did. */
export interface Tried extends Layout {
  variant: 'fp32' | 'int8';
  batch: number;
  /** With all lanes busy. */
  imagesPerS: number;
  /** Median of a lone picture, in ms. */
  latencyMs: number;
}

/** Two figures closer than this are the same: machines are never quiet. */
const SAME = 0.03;

/**
 * The best of what was tried for a goal. Where two are as good, the one that is better by the other measure.
 * @param tried at least one
 */
export function bestFor<T extends Tried>(goal: Goal, tried: readonly T[]): T {
  const cost = (it: Tried) => (goal === 'throughput' ? 1 / it.imagesPerS : it.latencyMs);
  const otherCost = (it: Tried) => (goal === 'throughput' ? it.latencyMs : 1 / it.imagesPerS);
  const least = Math.min(...tried.map(cost));
  const good = tried.filter((it) => cost(it) <= least * (1 + SAME));
  return good.reduce((best, it) => (otherCost(it) < otherCost(best) ? it : best));
}

/**
 * Why a variant is not to be chosen in place of float32 weights, if so: its accuracy must be recorded, and not be worse by
 * more than `maxLoss` percentage points.
 */
export function objectionTo(
  top1: number | undefined,
  reference: number | undefined,
  maxLoss: number,
): string | undefined {
  if (top1 === undefined || reference === undefined) return 'its accuracy is not recorded';
  const loss = reference - top1;
  return loss > maxLoss ? `it loses ${loss.toFixed(2)} points of top-1, more than ${maxLoss}` : undefined;
}
