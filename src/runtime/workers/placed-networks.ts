import type { HeldNetwork } from '../networks/network-memory.js';
import { expectedSession, type NetworkInfo, type NetworkSpec, nameOf } from '../networks/network-spec.js';
import type { WorkerMemory } from './process/worker-memory.js';

/** A network in a worker. */
export interface PlacedNetwork {
  spec: NetworkSpec;
  info: NetworkInfo;
  /** Bytes by which the worker grew when it was loaded; undefined if the system does not say. */
  grownBytes?: number | undefined;
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

  /**
   * Which instances for lone requests must give way to one more network, by key. Such an instance itself displaces nothing.
   * @param network what it holds
   * @throws MenagerieError `memory_exceeded` if it does not fit all the same
   */
  displacedBy(spec: NetworkSpec, network: HeldNetwork, memory: WorkerMemory): string[] {
    if (spec.loneThreads !== undefined) {
      memory.assertLeavesRoom(nameOf(spec), network, this.held);
      return [];
    }
    const isLone = (placed: PlacedNetwork) => placed.spec.loneThreads !== undefined;
    const held = [...this.values()].filter((placed) => !isLone(placed)).map(heldAs);
    memory.assertFits(nameOf(spec), network, held);
    held.push(network);
    const displaced: string[] = [];
    for (const [key, placed] of this) {
      if (!isLone(placed)) continue;
      if (memory.leaveRoom([...held, heldAs(placed)])) held.push(heldAs(placed));
      else displaced.push(key);
    }
    return displaced;
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
