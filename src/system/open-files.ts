import { readFileSync } from 'node:fs';

/** Files, pipes and connections that a process needs to have open at once: half of them while its program is loaded. */
const NEEDED = 256;

/** How many files and connections this process may have open; undefined where the system does not say. */
export function openFilesLimit(): number | undefined {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}

/** What is wrong with the limit, for whoever starts the process; undefined if nothing is. */
export function openFilesFault(limit = openFilesLimit()): string | undefined {
  if (limit === undefined || limit >= NEEDED) return undefined;
  return `This process may have ${limit} files open, and menagerie needs ${NEEDED} and one for each connection: raise the limit (ulimit -n ${4 * NEEDED}).`;
}
