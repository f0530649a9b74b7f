// What /proc says of processes. Where there is none, they are as if they were gone.
import { readFileSync } from 'node:fs';

/** The id of a process. @param {import('node:child_process').ChildProcess} child @throws Error if it could not be started */
export function pidOf({ pid, spawnfile }) {
  if (pid === undefined) throw new Error(`${spawnfile} could not be started`);
  return pid;
}

/** Bytes of memory of a process that are in use, and the most there were; undefined where it is gone. @param {number} pid */
export function memoryOf(pid) {
  const status = read(`/proc/${pid}/status`);
  if (status === '') return undefined;
  const bytes = (/** @type {string} */ field) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
  return { now: bytes('VmRSS'), most: bytes('VmHWM') };
}

/** @param {string} file */
function read(file) {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
