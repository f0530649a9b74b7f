import { readdirSync, readFileSync } from 'node:fs';

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
    // The name of the program, in brackets, may hold anything; the parent's id is the second field after it.
    const parent = Number(read(`/proc/${name}/stat`).split(') ').pop()?.split(' ')[1]);
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

/** Steps of niceness of a process; undefined where it is gone. @param {number} pid */
export function niceOf(pid) {
  const fields = read(`/proc/${pid}/stat`).split(') ').pop()?.split(' ');
  return fields?.[16] === undefined ? undefined : Number(fields[16]);
}

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
