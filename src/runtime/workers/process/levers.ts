import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/**
 * What the system lets the server do with its workers. Linux with glibc has all of it; elsewhere workers are plain processes, and
 * `menagerie doctor` says so.
 */
export interface Levers {
  /** Workers get a limit on the memory they may ask for (RLIMIT_DATA), which can be raised later. */
  dataLimit: boolean;
  /** Workers run at a lower priority than the server, all of their threads. */
  niceness: boolean;
  /** The kernel, short of memory, ends a worker before the server. */
  oomScore: boolean;
  /** The kernel ends workers when the server has ended. Without it a thread of each worker watches. */
  parentDeathSignal: boolean;
}

export type Lever = keyof Levers;

export const NO_LEVERS: Levers = { dataLimit: false, niceness: false, oomScore: false, parentDeathSignal: false };

/** Shell commands that try each lever on the shell itself. */
const TRIALS: Record<Lever, string> = {
  dataLimit: `sh -c 'ulimit -S -d 1000000 && prlimit --pid $$ --data=2000000000: && [ "$(ulimit -S -d)" = 1953125 ]'`,
  niceness: '[ "$(nice -n 5 nice)" -ge 5 ]',
  oomScore: 'echo 1000 > /proc/self/oom_score_adj',
  parentDeathSignal: 'setpriv --pdeathsig KILL true',
};
const TRIAL_MS = 5000;

let found: Promise<Levers> | undefined;

/** Tries the levers, once for the process. */
export function findLevers(): Promise<Levers> {
  found ??= tryLevers();
  return found;
}

async function tryLevers(): Promise<Levers> {
  if (process.platform !== 'linux') return NO_LEVERS;
  const names = Object.keys(TRIALS) as Lever[];
  // One shell for all; each trial in a shell of its own, so that none spoils the next.
  const script = names.map((name) => `(${TRIALS[name]}) >/dev/null 2>&1 && echo ${name}`).join('\n');
  try {
    const { stdout } = await promisify(execFile)('/bin/sh', ['-c', `${script}\ntrue`], { timeout: TRIAL_MS });
    const holding = stdout.split('\n');
    return Object.fromEntries(names.map((name) => [name, holding.includes(name)])) as unknown as Levers;
  } catch {
    return NO_LEVERS;
  }
}
