import { readdirSync, readFileSync } from 'node:fs';

// Processes as /proc shows them (proc(5)). Where there is none, there is nothing to tell.

/** The unit of times in /proc: 100 a second on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** What the system says about a process. */
export interface ProcessStat {
  /** Its parent's id. */
  parent: number;
  /** Processor time of all its threads, and of its children that have ended, in seconds. */
  cpuSeconds: number;
  /** -20 to 19; the higher, the lower its priority. */
  niceness: number;
}

/** What the system says about a process; undefined if it has ended or there is no /proc. */
export function statOf(pid: number): ProcessStat | undefined {
  const text = read(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The second field is the program's name in brackets, which may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(fields[number - 3]);
  const [UTIME, STIME, CUTIME, CSTIME] = [14, 15, 16, 17] as const;
  const ticks = field(UTIME) + field(STIME) + field(CUTIME) + field(CSTIME);
  return { parent: field(4), cpuSeconds: ticks / TICKS_PER_SECOND, niceness: field(19) };
}

/** A process and all that descend from it, by their ids. Without /proc, only itself. */
export function treeOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readDirectory('/proc')) {
    const parent = /^\d+$/.test(name) ? statOf(Number(name))?.parent : undefined;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const tree = [pid];
  for (const known of tree) tree.push(...(children.get(known) ?? []));
  return tree;
}

/**
 * Processor time of processes in seconds; undefined without /proc. The time of a whole tree never falls: that of a process that has
 * ended counts for its parent.
 */
export function cpuSecondsOf(pids: readonly number[]): number | undefined {
  return sumOf(pids.map((pid) => statOf(pid)?.cpuSeconds));
}

/** Bytes of memory of processes; pages that several processes share are divided among them (PSS). Undefined without /proc. */
export function pssOf(pids: readonly number[]): number | undefined {
  return sumOf(
    pids.map((pid) => {
      const kib = /^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`) ?? '')?.[1];
      return kib === undefined ? undefined : 1024 * Number(kib);
    }),
  );
}

/** Some of the processes may have ended. */
function sumOf(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0);
}

function readDirectory(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return undefined;
  }
}
