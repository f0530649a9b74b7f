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
/** The same for a network that shares its session. */
const HEAD_BYTES = 2 * MIB;
/** In addition while loading: for activations of large inputs, and for memory that the allocator keeps. */
const LOADING_MARGIN = 768 * MIB;

/** A network in a worker. */
export interface HeldNetwork {
  /** Size of its weights. */
  bytes: number;
  /** Networks for which this is equal share the session that takes the pictures; undefined: it shares none. */
  session?: string | undefined;
  /** Size of the weights that run after that session. */
  headBytes?: number;
}

/** Bytes that an idle worker with these networks is expected to hold. */
export function heldBytes(networks: Iterable<HeldNetwork>): number {
  let sum = BASE_BYTES;
  const shared = new Set<string>();
  for (const { bytes, session, headBytes = 0 } of networks) {
    const known = session !== undefined && shared.has(session);
    sum += HELD_FACTOR * headBytes + (known ? HEAD_BYTES : NETWORK_BYTES + HELD_FACTOR * bytes);
    if (session !== undefined) shared.add(session);
  }
  return sum;
}

/** Bytes that a worker may allocate to load a network. */
export function loadingBytes({ bytes }: Pick<NetworkSpec, 'bytes'>): number {
  return LOADING_FACTOR * bytes + LOADING_MARGIN;
}
