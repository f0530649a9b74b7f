import type { HeldNetwork } from '../networks/network-memory.js';
import { expectedSession, type NetworkInfo, type NetworkSpec } from '../networks/network-spec.js';

/** A network in a worker. */
export interface PlacedNetwork {
  spec: NetworkSpec;
  info: NetworkInfo;
}

/** The networks in a worker, by key. */
export class PlacedNetworks extends Map<string, PlacedNetwork> {
  /** Number of sessions that take pictures. */
  get sessions(): number {
    return new Set([...this.values()].map(({ info }) => info.session)).size;
  }

  /** What they hold of the worker's memory. */
  get held(): HeldNetwork[] {
    return [...this.values()].map(heldAs);
  }

  /** What one more network is expected to hold. */
  expected(spec: NetworkSpec): HeldNetwork {
    return { bytes: spec.bytes, session: this.#sharer(spec)?.info.session };
  }

  /** Whether a head and its base would be together here, whichever of them the network is. */
  suits(spec: NetworkSpec): boolean {
    const sharer = this.#sharer(spec);
    return sharer !== undefined && (spec.base !== undefined || sharer.spec.base !== undefined);
  }

  /** A network on the session that this one is expected to run on. */
  #sharer(spec: NetworkSpec): PlacedNetwork | undefined {
    const session = expectedSession(spec);
    if (session === undefined) return undefined;
    return [...this.values()].find((placed) => {
      return placed.info.session === session || expectedSession(placed.spec) === session;
    });
  }
}

/** What a network holds of the worker's memory. */
export function heldAs({ spec: { bytes }, info: { session, headBytes } }: PlacedNetwork): HeldNetwork {
  return { bytes, session, headBytes };
}
