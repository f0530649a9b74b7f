import type { Lane } from './lane.js';
import type { NetworkSpec } from './protocol.js';

/** A place for a lane. */
export interface Slot {
  index: number;
  /** Undefined while a dead lane is being replaced. */
  lane: Lane | undefined;
  /** What will take a dead lane's place once its networks are loaded. */
  successor: Lane | undefined;
  /** Lanes it has lost since one last finished a piece of work. */
  deaths: number;
  /** The networks this slot holds, and gets again when its lane is replaced. */
  networks: Map<string, NetworkSpec>;
  /** Loads and unloads waiting for the lane to be free; they go before pictures. */
  control: Control[];
}

/** Something to be done with a lane when it is free. */
interface Control {
  act(lane: Lane): Promise<void>;
  reject(error: unknown): void;
}
