import { readdirSync, readFileSync } from 'node:fs';

/** A number that /proc/PID/task/TID/stat has for each thread of a process: its field, counted from 1 as in proc(5). */
export function statOfThreads(pid: number, field: number): number[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1');
    // The second field is the thread's name in brackets, which may hold anything.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[field - 3]);
  });
}
