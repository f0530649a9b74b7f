import { readdirSync, readFileSync } from 'node:fs';

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
