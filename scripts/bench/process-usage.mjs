// CPU time and memory of several processes together; there is nothing to tell where the system has no /proc.
import { cpuSecondsOf, memoryOf } from '../shared/processes.mjs';

/**
 * CPU seconds so far, memory now, and the most there was; summed over processes, so that pages they share count for each.
 * @param {readonly number[]} pids
 * @returns {{ cpuSeconds: number, residentMb: number, peakMb: number } | undefined}
 */
export function usageOf(pids) {
  const usage = { cpuSeconds: 0, residentMb: 0, peakMb: 0 };
  for (const pid of pids) {
    const memory = memoryOf(pid);
    if (!memory) return undefined;
    usage.cpuSeconds += cpuSecondsOf(pid);
    usage.residentMb += memory.now / 1e6;
    usage.peakMb += memory.most / 1e6;
  }
  return Number.isNaN(usage.cpuSeconds + usage.residentMb + usage.peakMb) ? undefined : usage;
}
