// What /proc says of processes. Where there is none, they are as if they were gone.
import { readdirSync, readFileSync } from 'node:fs';

/** Of the kernel's clock that /proc counts in: 100 a second on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** The id of a process. @param {import('node:child_process').ChildProcess} child @throws Error if it could not be started */
export function pidOf({ pid, spawnfile }) {
  if (pid === undefined) throw new Error(`${spawnfile} could not be started`);
  return pid;
}

/** A process and all that it has started, and these have, by their ids. Where there is no /proc, only itself. @param {number} pid */
export function treeOf(pid) {
  /** @type {Map<number, number[]>} */
  const children = new Map();
  for (const name of entriesOf('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = Number(statOf(name)[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const tree = [pid];
  for (const known of tree) tree.push(...(children.get(known) ?? []));
  return tree;
}

/** Bytes of memory of some processes together; what several of them share is divided among these (PSS). @param {readonly number[]} pids */
export function memoryOfAll(pids) {
  const kib = pids.map((pid) => Number(/^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0));
  return kib.reduce((sum, some) => sum + some, 0) * 1024;
}

/** Bytes of memory of a process that are in use, and the most there were; undefined where it is gone. @param {number} pid */
export function memoryOf(pid) {
  const status = read(`/proc/${pid}/status`);
  if (status === '') return undefined;
  const bytes = (/** @type {string} */ field) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
  return { now: bytes('VmRSS'), most: bytes('VmHWM') };
}

/** CPU seconds that all threads of a process have used; NaN where it is gone. @param {number} pid */
export function cpuSecondsOf(pid) {
  const fields = statOf(pid);
  // utime and stime
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Steps of niceness of a process; undefined where it is gone. @param {number} pid */
export function niceOf(pid) {
  const nice = statOf(pid)[16];
  return nice === undefined ? undefined : Number(nice);
}

/** The fields of /proc/<pid>/stat after the name of the program, which may hold anything: state, parent ... @param {number | string} pid */
const statOf = (pid) => read(`/proc/${pid}/stat`).split(') ').pop()?.split(' ') ?? [];

/** Whether a process is there. @param {number} pid */
export const isThere = (pid) => read(`/proc/${pid}/stat`) !== '';

/** @param {string} folder */
function entriesOf(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** @param {string} file */
function read(file) {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
