import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { MIB } from '../../../core/units.js';
import { memoryExceeded } from '../../networks/memory-errors.js';
import { heldBytes, loadingBytes } from '../../networks/network-memory.js';
import { type NetworkSpec, nameOf } from '../../networks/network-spec.js';
import type { WorkerProcess } from './worker-process.js';

// How much memory a worker may ask for (RLIMIT_DATA) and hold (resident, watched), and how that is known.

/** Beyond what decoding takes: for the activations of networks, and for what the allocator keeps. */
const SERVING_MARGIN = 256 * MIB;
/** A worker that holds so much more than when it had loaded its networks, with nothing to do, is replaced. */
const FAT_BYTES = 256 * MIB;

/** How often what a worker holds is checked, in ms. */
export const WATCH_MS = 200;

/** How much a worker may have. */
export interface MemoryPlan {
  /** Bytes that decoding one picture may take at most. */
  decodeBytes: number;
  /** Bytes that one worker may hold. */
  share: number;
  /** Whether workers get a limit on what they may ask for. */
  dataLimit: boolean;
}

/** The limits of the workers of one pool. */
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
   * Whether one more network fits beside those that a worker has.
   * @throws MenagerieError `memory_exceeded` naming what it needs and what there is
   */
  assertFits(spec: NetworkSpec, others: Iterable<NetworkSpec>): void {
    const needed = heldBytes([...others, spec]);
    if (needed > this.plan.share) throw memoryExceeded(`A worker with ${nameOf(spec)}`, needed, this.plan.share);
  }

  /** Lets a worker load a network. */
  async beforeLoading(pid: number | undefined, spec: NetworkSpec): Promise<void> {
    await this.#limit(pid, loadingBytes(spec));
  }

  /** Lets a worker that has loaded or unloaded something decode and run, and no more. */
  async afterLoading(pid: number | undefined): Promise<void> {
    await this.#limit(pid, this.servingBytes);
  }

  /**
   * Ends a worker that holds more than its share, before the kernel chooses whom to end.
   * @param what it is doing, at the beginning of a sentence
   */
  enforceShare(worker: WorkerProcess, held: number, what: string): void {
    const { share } = this.plan;
    if (held > share) worker.kill({ kind: 'memory', reason: memoryExceeded(what, held, share).message });
  }

  /** Whether a worker with nothing to do holds much more than it did. @param before when it had loaded its networks */
  isFat(held: number, before: number): boolean {
    return held > before + FAT_BYTES;
  }

  /** @param more bytes beyond what it has asked for so far */
  async #limit(pid: number | undefined, more: number): Promise<void> {
    const now = this.plan.dataLimit ? processStatus(pid)?.asked : undefined;
    if (now === undefined) return;
    try {
      // The soft limit only: a hard one could never be raised again.
      await promisify(execFile)('prlimit', ['--pid', String(pid), `--data=${now + more}:`]);
    } catch {
      // It has just ended, or the limit stays as it is: then what does not fit says so.
    }
  }
}

/** What the system says of a process. */
export interface ProcessStatus {
  /** Bytes of memory that it holds and that nobody else has. */
  held: number;
  /** Bytes that it has asked for, as RLIMIT_DATA counts them. */
  asked: number;
  /** Whether it was stopped, by SIGSTOP or a debugger. */
  stopped: boolean;
}

/** What the system says of a process; undefined where it does not. */
export function processStatus(pid: number | undefined): ProcessStatus | undefined {
  if (process.platform !== 'linux' || pid === undefined) return undefined;
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const field = (name: string) => status.slice(status.indexOf(`\n${name}:`) + name.length + 2).trimStart();
    const bytes = (name: string) => Number.parseInt(field(name), 10) * 1024;
    return { held: bytes('RssAnon'), asked: bytes('VmData'), stopped: /^[Tt]/.test(field('State')) };
  } catch {
    return undefined;
  }
}
