import { MIB } from '../../core/units.js';
import type { NetworkSpec } from './network-spec.js';

// How much memory networks take in a worker.

/** What a worker holds before it holds any network (measured: 34 MB of data, with room for its heap to grow). */
export const BASE_BYTES = 96 * MIB;
/** Weights as they lie in the file, as the runtime reads them and as it computes with them: while they are loaded, all at once. */
const LOADING_FACTOR = 5;
/** What stays. */
const HELD_FACTOR = 3;
/** Activations and the runtime's own of a small network; of larger ones it grows with the weights. */
const NETWORK_BYTES = 16 * MIB;
/** Beyond that: for activations of large inputs, and for what the allocator keeps. */
const LOADING_MARGIN = 768 * MIB;

/** Bytes that a worker with these networks is expected to hold at rest. */
export function heldBytes(networks: Iterable<Pick<NetworkSpec, 'bytes'>>): number {
  let sum = BASE_BYTES;
  for (const { bytes } of networks) sum += NETWORK_BYTES + HELD_FACTOR * bytes;
  return sum;
}

/** Bytes that a worker may ask for while it loads a network. */
export function loadingBytes({ bytes }: Pick<NetworkSpec, 'bytes'>): number {
  return LOADING_FACTOR * bytes + LOADING_MARGIN;
}
