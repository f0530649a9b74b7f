// CPU time and memory of a process and its children, from /proc; there is nothing to tell where that is missing.
import { readdirSync, readFileSync } from 'node:fs';
import { memoryOf } from '../measure/process-memory.mjs';

/** Of the kernel's clock that /proc counts in: 100 a second on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** @param {string} file */
function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** The fields of /proc/<pid>/stat after the name, which may hold anything. @param {number} pid */
function statOf(pid) {
  const text = read(`/proc/${pid}/stat`);
  const [, parent, ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  // utime and stime, of all threads of the process
  return { parent: Number(parent), ticks: Number(rest[9]) + Number(rest[10]) };
}

/** A process and all that descend from it. @param {number} pid @returns {number[]} */
export function familyOf(pid) {
  let pids = [];
  try {
    pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
  } catch {
    return [pid];
  }
  const parents = pids.map((child) => ({ child, parent: statOf(child).parent }));
  const family = [pid];
  for (const member of family) {
    family.push(...parents.filter(({ parent }) => parent === member).map(({ child }) => child));
  }
  return family;
}

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
    usage.cpuSeconds += statOf(pid).ticks / TICKS_PER_SECOND;
    usage.residentMb += memory.now / 1e6;
    usage.peakMb += memory.most / 1e6;
  }
  return Number.isNaN(usage.cpuSeconds + usage.residentMb + usage.peakMb) ? undefined : usage;
}
