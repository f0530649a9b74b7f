import type { Config } from '../config/load-config.js';
import type { Layout } from '../core/manifest/tuning.js';
import type { Machine } from '../runtime/device/machine.js';
import { usesCuda } from '../runtime/device/providers.js';

/** Which processes there are. */
export interface ProcessLayout extends Layout {
  /** Workers that only decode and render, for those that compute on a GPU. */
  renderers: number;
}

/**
 * Workers and threads of each: as set, else so that all cores compute and none is shared. With a GPU one worker holds the networks,
 * and the other cores decode for it.
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
