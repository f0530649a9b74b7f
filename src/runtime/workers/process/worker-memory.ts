import { readFileSync } from 'node:fs';
import { memoryExceeded } from '../../../core/memory-errors.js';
import { MIB } from '../../../core/units.js';
import { type HeldNetwork, heldBytes, loadingBytes } from '../../networks/network-memory.js';
import type { NetworkSpec } from '../../networks/network-spec.js';
import { dataLimits } from './data-limits.js';
import type { WorkerProcess } from './worker-process.js';

// How much memory a worker may allocate (limited by RLIMIT_DATA) and hold (resident memory, checked every WATCH_MS).

/** In addition to decoding: for the activations of networks, and for memory that the allocator keeps. */
const SERVING_MARGIN = 256 * MIB;
/** An idle worker that holds this much more than after loading its networks is replaced. */
const FAT_BYTES = 256 * MIB;

/** How often the memory of workers is checked, in ms. */
export const WATCH_MS = 200;

/** How much memory a worker may have. */
export interface MemoryPlan {
  /** Bytes that decoding one picture may take. */
  decodeBytes: number;
  /** Bytes that one worker may hold. */
  share: number;
  /** Whether workers get a limit on what they may allocate. */
  dataLimit: boolean;
}

/** The memory limits of the workers of one pool. */
export class WorkerMemory {
  readonly plan: MemoryPlan;

  constructor(plan: MemoryPlan) {
    this.plan = plan;
  }

  /** Bytes that decoding pictures and running networks may take. */
  get servingBytes(): number {
    return this.plan.decodeBytes + SERVING_MARGIN;
  }

  /**
   * Bytes that decoding one picture may take in a worker.
   * @param heldAtRest bytes that the worker holds with its networks loaded and nothing to do
   */
  decodeBytesBeside(heldAtRest: number): number {
    const { decodeBytes, share } = this.plan;
    return Math.max(0, Math.min(decodeBytes, share - heldAtRest));
  }

  /**
   * Checks that one more network fits into a worker.
   * @param name of the network
   * @param others networks that the worker holds
   * @throws MenagerieError `memory_exceeded` naming the bytes needed and the bytes available
   */
  assertFits(name: string, network: HeldNetwork, others: readonly HeldNetwork[]): void {
    const needed = heldBytes([...others, network]);
    if (needed > this.plan.share) throw memoryExceeded(`A worker with ${name}`, needed, this.plan.share);
  }

  /** Raises a worker's limit so that it can load a network. */
  async beforeLoading(pid: number | undefined, spec: NetworkSpec): Promise<void> {
    await this.#limit(pid, loadingBytes(spec));
  }

  /** Lowers a worker's limit, after loading or unloading, to what decoding and running take. */
  async afterLoading(pid: number | undefined): Promise<void> {
    await this.#limit(pid, this.servingBytes);
  }

  /**
   * Ends a worker that holds more than its share, before the kernel runs out of memory and chooses a process to end.
   * @param held bytes that the worker holds
   * @param what the worker is doing, as the beginning of a sentence
   */
  enforceShare(worker: WorkerProcess, held: number, what: string): void {
    const { share } = this.plan;
    if (held > share) worker.kill({ kind: 'memory', reason: memoryExceeded(what, held, share).message });
  }

  /**
   * Whether an idle worker holds so much memory that it should be replaced.
   * @param held bytes that it holds now
   * @param heldAtRest bytes that it held after loading its networks
   */
  isFat(held: number, heldAtRest: number): boolean {
    return held > heldAtRest + FAT_BYTES;
  }

  /** @param more bytes in addition to what the process has allocated so far */
  async #limit(pid: number | undefined, more: number): Promise<void> {
    const now = this.plan.dataLimit ? processStatus(pid)?.allocated : undefined;
    if (pid !== undefined && now !== undefined) await dataLimits.set(pid, Math.ceil(now + more));
  }
}

/** What the system reports about a process. */
export interface ProcessStatus {
  /** Bytes of resident memory that it shares with no other process (RssAnon). */
  held: number;
  /** Bytes that it has allocated, as RLIMIT_DATA counts them (VmData). */
  allocated: number;
  /** Whether SIGSTOP or a debugger has stopped it. */
  stopped: boolean;
}

/** What the system reports about a process; undefined if the process has ended or the system is not Linux. */
export function processStatus(pid: number | undefined): ProcessStatus | undefined {
  if (process.platform !== 'linux' || pid === undefined) return undefined;
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const field = (name: string) => status.slice(status.indexOf(`\n${name}:`) + name.length + 2).trimStart();
    const bytes = (name: string) => Number.parseInt(field(name), 10) * 1024;
    return { held: bytes('RssAnon'), allocated: bytes('VmData'), stopped: /^[Tt]/.test(field('State')) };
  } catch {
    return undefined;
  }
}
