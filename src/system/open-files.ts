import { readFileSync } from 'node:fs';

/** Files, pipes and connections that a process needs open at once. Half of them are for loading the program. */
const NEEDED = 256;

/** How many files and connections this process may have open; undefined if the system does not tell. */
export function openFilesLimit(): number | undefined {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}

/** The message if the limit is too low, for whoever starts the process; else undefined. */
export function openFilesFault(limit = openFilesLimit()): string | undefined {
  if (limit === undefined || limit >= NEEDED) return undefined;
  const needed = `menagerie needs ${NEEDED} and one for each connection`;
  return `This process may have ${limit} files open, and ${needed}: raise the limit (ulimit -n ${4 * NEEDED}).`;
}
