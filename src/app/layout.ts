import type { Config } from '../config/load-config.js';
import type { Layout } from '../core/manifest/tuning.js';
import type { Machine } from '../runtime/device/machine.js';
import { usesCuda } from '../runtime/device/providers.js';

/** The number of worker processes, and threads of each. */
export interface ProcessLayout extends Layout {
  /** Workers that only decode and render, for the workers that compute on a GPU. */
  renderers: number;
}

/**
 * Numbers of workers and threads: as configured, else so that every core has one thread. With a GPU one worker holds the networks,
 * and there is a renderer for every other core.
 */
export function layoutOf(
  { workers: wanted, threads = 1, device }: Pick<Config, 'workers' | 'threads' | 'device'>,
  { usableCores }: Pick<Machine, 'usableCores'>,
): ProcessLayout {
  if (!usesCuda(device)) {
    return { workers: wanted ?? Math.max(1, Math.floor(usableCores / threads)), threads, renderers: 0 };
  }
  const workers = wanted ?? 1;
  return { workers, threads, renderers: Math.max(1, usableCores - workers) };
}
