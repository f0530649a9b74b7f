// CPU time and memory of processes, from /proc; there is nothing to tell where that is missing.
import { cpuSecondsOf } from '../../dist/system/process-tree.js';
import { memoryOf } from '../shared/processes.mjs';

/**
 * CPU seconds so far, memory now, and the most there was; summed over processes, so that pages they share count for each.
 * @param {readonly number[]} pids
 * @returns {{ cpuSeconds: number, residentMb: number, peakMb: number } | undefined}
 */
export function usageOf(pids) {
  const cpuSeconds = cpuSecondsOf(pids);
  if (cpuSeconds === undefined) return undefined;
  const usage = { cpuSeconds, residentMb: 0, peakMb: 0 };
  for (const pid of pids) {
    const memory = memoryOf(pid);
    if (!memory) return undefined;
    usage.residentMb += memory.now / 1e6;
    usage.peakMb += memory.most / 1e6;
  }
  return Number.isNaN(usage.residentMb + usage.peakMb) ? undefined : usage;
}
