import { pairedTest } from '../core/scores/paired-test.js';
import { areAlike, differOnlyInResize } from './preparations.js';
import type { Attempt } from './try-preparations.js';

/** Fewest pictures and classes that can decide anything. */
export const LEAST_PICTURES = 20;
export const LEAST_CLASSES = 8;
/** How unlikely it must be that the best attempt is better by chance. */
export const SIGNIFICANT = 0.05;

/** An attempt among others. */
export interface Ranked extends Attempt {
  /** p-value of the paired test of the best attempt against this one; undefined for the best, and for what hardly differs from it. */
  p: number | undefined;
  /** By how much its mean logarithm is below that of the best, on the same pictures. */
  behind: number;
}

/** What the attempts show. */
export interface Findings {
  /** The best first: of those that are alike the usual one, unless another is better; then by their mean logarithm. */
  ranked: Ranked[];
  /** p-value of the best attempt against guessing. */
  chance: number;
  /** Whether the best is better than every other one and than guessing. */
  decided: boolean;
}

/**
 * Compares the attempts picture by picture.
 * @param attempts the more usual ones first; those that were given up have fewer pictures, which are the first of the others'
 * @param significant the p-value below which a difference is beyond chance
 * @throws Error without attempts
 */
export function choose(attempts: readonly Attempt[], significant: number): Findings {
  const sorted = attempts.toSorted((a, b) => b.logs.length - a.logs.length || mean(b.logs) - mean(a.logs));
  const [first] = sorted;
  if (!first) throw new Error('nothing was tried');
  const likeFirst = ({ candidate, preparation, logs }: Attempt) =>
    candidate === first.candidate && logs.length === first.logs.length && areAlike(first.preparation, preparation);
  const best = usualUnlessBetter(attempts.filter(likeFirst)) ?? first;
  // The best with each resize rule: a way is ruled out by the one that differs from it only in the numbers.
  const resized = attempts.filter((each) => likeFirst(each) && differOnlyInResize(each.preparation, best.preparation));
  const ranked = [best, ...sorted.filter((attempt) => attempt !== best)].map((attempt): Ranked => {
    const bestLogs = best.logs.slice(0, attempt.logs.length);
    const tests =
      attempt === best ? [1] : resized.map(({ logs }) => pairedTest(logs.slice(0, attempt.logs.length), attempt.logs));
    const worse = Math.min(...tests);
    const p = likeFirst(attempt) && worse >= significant ? undefined : worse;
    return { ...attempt, p, behind: mean(bestLogs) - mean(attempt.logs) };
  });
  const guess = Math.log(1 / best.candidate.labels.length);
  const chance = pairedTest(
    best.logs,
    best.logs.map(() => guess),
  );
  const decided = chance < significant && ranked.every(({ p }) => p === undefined || p < significant);
  return { ranked, chance, decided };
}

/**
 * The usual attempt, unless another has more pictures right beyond chance. It compares attempts that differ little: most change how sure
 * a network is rather than what it says.
 * @param attempts the usual one first
 */
export function usualUnlessBetter(attempts: readonly Attempt[]): Attempt | undefined {
  const [usual, ...others] = attempts;
  if (!usual) return undefined;
  const [best] = others.toSorted((a, b) => mean(b.hits) - mean(a.hits));
  // Each of several others may be better by chance (Bonferroni).
  return best && pairedTest(best.hits, usual.hits) < SIGNIFICANT / others.length ? best : usual;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
