import type { Config } from '../config/load-config.js';
import type { Layout } from '../core/manifest/tuning.js';
import type { Machine } from '../runtime/device/machine.js';
import { usesCuda } from '../runtime/device/providers.js';

/** The number of worker processes, and threads of each. */
export interface ProcessLayout extends Layout {
  /** Workers that only decode and render, for the workers that compute on a GPU. */
  renderers: number;
  /** Threads of instances for lone requests; 1: there are none. */
  loneThreads: number;
}

/** More threads than this gain little in one picture. */
const MOST_LONE_THREADS = 8;

/**
 * Numbers of workers and threads: as configured, else so that every core has one thread. With a GPU one worker holds the networks,
 * and there is a renderer for every other core. There, and where a network has as many threads anyway, none are for lone requests.
 */
export function layoutOf(
  { workers: wanted, threads = 1, loneThreads, device }: Pick<Config, 'workers' | 'threads' | 'loneThreads' | 'device'>,
  { usableCores }: Pick<Machine, 'usableCores'>,
): ProcessLayout {
  if (!usesCuda(device)) {
    const workers = wanted ?? Math.max(1, Math.floor(usableCores / threads));
    const lone = loneThreads ?? Math.min(usableCores, MOST_LONE_THREADS);
    return { workers, threads, renderers: 0, loneThreads: lone > threads ? lone : 1 };
  }
  const workers = wanted ?? 1;
  return { workers, threads, renderers: Math.max(1, usableCores - workers), loneThreads: 1 };
}
