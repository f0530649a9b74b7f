import { readdirSync, readFileSync } from 'node:fs';

const MIB = 1024 * 1024;

/**
 * Memory of a process in MiB, now and at most so far; undefined where the system has no /proc.
 * @param {number} pid
 */
export function memoryOf(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const field = (/** @type {string} */ name) => (Number(status.match(`${name}:\\s+(\\d+) kB`)?.[1]) * 1024) / MIB;
    return { now: Math.round(field('VmRSS')), most: Math.round(field('VmHWM')) };
  } catch {
    return undefined;
  }
}

/** Open files and connections of a process; undefined where the system has no /proc. @param {number} pid */
export function openFilesOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return undefined;
  }
}

/** How many files and connections a process may have open; undefined where the system has no /proc. @param {number | 'self'} pid */
export function openFilesLimit(pid) {
  try {
    const [, limit] = /^Max open files\s+(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8')) ?? [];
    return limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit);
  } catch {
    return undefined;
  }
}
