import { MenagerieError } from '../errors.js';
import { strict } from '../schema/schema-parts.js';
import Type, { Compile, type Static } from '../schema/typebox.js';
import { parseDescription } from './parse-description.js';
import { VariantNameSchema } from './variant.js';

// What `menagerie tune` tries, how it chooses, and the file tuned.json that it writes beside a manifest.

const countSchema = Type.Integer({ minimum: 1, maximum: 1024 });

/** Figures apply only to machines that are equal in all of these. */
const TunedMachineSchema = Type.Object(
  { cpu: Type.String(), cores: countSchema, device: Type.Enum(['cpu', 'cuda']), runtime: Type.String() },
  strict,
);
export type TunedMachine = Static<typeof TunedMachineSchema>;

/** Version of the file format. Files in another format are refused: `menagerie tune` writes a new one. */
const FORMAT = 2;

const TunedSchema = Type.Object(
  {
    format: Type.Literal(FORMAT),
    goal: Type.Enum(['throughput', 'latency']),
    machine: TunedMachineSchema,
    variant: VariantNameSchema,
    workers: countSchema,
    threads: countSchema,
    batch: countSchema,
    images_per_s: Type.Number(),
    latency_ms: Type.Number(),
    date: Type.String(),
  },
  { ...strict, $id: 'tuned' },
);
type TunedFile = Static<typeof TunedSchema>;
/** The best settings for one model on one machine. */
export type Tuned = Omit<TunedFile, 'format'>;
export type Goal = Tuned['goal'];

const tunedValidator = Compile(TunedSchema);

/**
 * Parses a tuned.json.
 * @throws MenagerieError `invalid_manifest`, also for a file in another format
 */
export function parseTuned(text: string, file: string): Tuned {
  const format = formatOf(text);
  if (format !== FORMAT) {
    const what = `has format ${format}, and this version reads format ${FORMAT}`;
    throw new MenagerieError('invalid_manifest', `${file}: ${what}: run \`menagerie tune\` again`);
  }
  const { format: _, ...tuned } = parseDescription(text, file, tunedValidator, {}, () => []);
  return tuned;
}

/** The first format had no number. The schema reports values that are not objects. */
function formatOf(text: string): number {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return FORMAT;
    return 'format' in value ? Number(value.format) : 1;
  } catch {
    return FORMAT;
  }
}

/** The text of a tuned.json. */
export function formatTuned(tuned: Tuned): string {
  return `${JSON.stringify({ format: FORMAT, ...tuned } satisfies TunedFile, null, 2)}\n`;
}

/** Whether figures of one machine apply to the other. */
export function isSameMachine(a: TunedMachine, b: TunedMachine): boolean {
  return a.cpu === b.cpu && a.cores === b.cores && a.device === b.device && a.runtime === b.runtime;
}

/** Number of workers, and of compute threads in each. */
export interface Layout {
  workers: number;
  threads: number;
}

/** Numbers of workers to try on a GPU: while one computes, others prepare pictures. */
const GPU_WORKERS = [1, 2, 4];

/**
 * The layouts to try. On a CPU, workers x threads is at most the number of cores: more threads only compete for them. On a GPU
 * the threads have little to do.
 */
export function layoutsFor(cores: number, device: 'cpu' | 'cuda'): Layout[] {
  if (device === 'cuda')
    return GPU_WORKERS.filter((workers) => workers <= cores).map((workers) => ({ workers, threads: 1 }));
  const threads = new Set<number>();
  for (let n = 1; n < cores; n *= 2) threads.add(n);
  threads.add(cores);
  return [...threads].map((n) => ({ workers: Math.floor(cores / n), threads: n }));
}

/** Batch sizes to try, in views; each only if the one before was faster than all smaller ones. */
export const TUNED_BATCHES = [1, 4, 16];

/** A combination of settings, and its measurements. */
export interface Tried extends Layout {
  variant: 'fp32' | 'int8';
  batch: number;
  /** Pictures per second with all workers busy. */
  imagesPerS: number;
  /** Median for a single picture, in ms. */
  latencyMs: number;
}

/** Figures that differ by less than this share count as equal, because measurements are noisy. */
const TOLERANCE = 0.03;

/**
 * The best combination for a goal; of equally good ones, the best by the other measure.
 * @param tried at least one
 */
export function bestFor<T extends Tried>(goal: Goal, tried: readonly T[]): T {
  const cost = (it: Tried) => (goal === 'throughput' ? 1 / it.imagesPerS : it.latencyMs);
  const otherCost = (it: Tried) => (goal === 'throughput' ? it.latencyMs : 1 / it.imagesPerS);
  const least = Math.min(...tried.map(cost));
  const good = tried.filter((it) => cost(it) <= least * (1 + TOLERANCE));
  return good.reduce((best, it) => (otherCost(it) < otherCost(best) ? it : best));
}

/**
 * Why a variant must not replace the float32 weights; undefined if it may. Its accuracy must be recorded, and at most `maxLoss`
 * percentage points lower.
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
