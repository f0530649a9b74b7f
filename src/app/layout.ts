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
  { lanes, threads = 1, device }: Pick<Config, 'lanes' | 'threads' | 'device'>,
  { usableCores }: Pick<Machine, 'usableCores'>,
): ProcessLayout {
  if (!usesCuda(device)) {
    return { lanes: lanes ?? Math.max(1, Math.floor(usableCores / threads)), threads, renderers: 0 };
  }
  const workers = lanes ?? 1;
  return { lanes: workers, threads, renderers: Math.max(1, usableCores - workers) };
}
