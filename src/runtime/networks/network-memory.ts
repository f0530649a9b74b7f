import { MIB } from '../../core/units.js';
import type { NetworkSpec } from './network-spec.js';

// How much memory networks take in a worker: estimates.

/** Memory of a worker without networks (measured: 34 MB of data), with room for its heap to grow. */
export const BASE_BYTES = 96 * MIB;
/** Memory while loading, in sizes of the weights: they exist as in the file, as the runtime reads them, and as it computes with them. */
const LOADING_FACTOR = 5;
/** Memory after loading, in sizes of the weights. */
const HELD_FACTOR = 3;
/** Activations and the runtime's own memory for a small network; for larger ones HELD_FACTOR includes them. */
const NETWORK_BYTES = 16 * MIB;
/** In addition while loading: for activations of large inputs, and for memory that the allocator keeps. */
const LOADING_MARGIN = 768 * MIB;

/** Bytes that an idle worker with these networks is expected to hold. */
export function heldBytes(networks: Iterable<Pick<NetworkSpec, 'bytes'>>): number {
  let sum = BASE_BYTES;
  for (const { bytes } of networks) sum += NETWORK_BYTES + HELD_FACTOR * bytes;
  return sum;
}

/** Bytes that a worker may allocate to load a network. */
export function loadingBytes({ bytes }: Pick<NetworkSpec, 'bytes'>): number {
  return LOADING_FACTOR * bytes + LOADING_MARGIN;
}
