import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/**
 * Which controls over worker processes this system has. Linux with glibc has all of them; elsewhere workers are plain processes,
 * and `menagerie doctor` says so.
 */
export interface Levers {
  /** Workers get a limit on the memory that they may allocate (RLIMIT_DATA), which can be raised later. */
  dataLimit: boolean;
  /** All threads of workers run at a lower priority than the server. */
  niceness: boolean;
  /** A process can run only where nothing else wants to: what wakes on its core takes it at once (SCHED_IDLE, sched(7)). */
  idleClass: boolean;
  /** When memory runs out, the kernel ends a worker before the server. */
  oomScore: boolean;
  /** The kernel ends workers when the server ends. Without this a thread of each worker watches the server. */
  parentDeathSignal: boolean;
}

export type Lever = keyof Levers;

export const NO_LEVERS: Levers = {
  dataLimit: false,
  niceness: false,
  idleClass: false,
  oomScore: false,
  parentDeathSignal: false,
};

/** Shell commands that try each control on the shell itself. */
const TRIALS: Record<Lever, string> = {
  dataLimit: `sh -c 'ulimit -S -d 1000000 && prlimit --pid $$ --data=2000000000: && [ "$(ulimit -S -d)" = 1953125 ]'`,
  niceness: '[ "$(nice -n 5 nice)" -ge 5 ]',
  idleClass: 'chrt --idle 0 true',
  oomScore: 'echo 1000 > /proc/self/oom_score_adj',
  parentDeathSignal: 'setpriv --pdeathsig KILL true',
};
const TRIAL_MS = 5000;

let found: Promise<Levers> | undefined;

/** Finds out which controls work. The result is kept for the life of the process. */
export function findLevers(): Promise<Levers> {
  found ??= tryLevers();
  return found;
}

async function tryLevers(): Promise<Levers> {
  if (process.platform !== 'linux') return NO_LEVERS;
  // One shell runs all trials, each in a subshell, so that none affects the next.
  const script = Object.entries(TRIALS).map(([name, trial]) => `(${trial}) >/dev/null 2>&1 && echo ${name}`);
  try {
    const { stdout } = await promisify(execFile)('/bin/sh', ['-c', [...script, 'true'].join('\n')], {
      timeout: TRIAL_MS,
    });
    const working = stdout.split('\n');
    const works = (lever: Lever) => working.includes(lever);
    return {
      dataLimit: works('dataLimit'),
      niceness: works('niceness'),
      idleClass: works('idleClass'),
      oomScore: works('oomScore'),
      parentDeathSignal: works('parentDeathSignal'),
    };
  } catch {
    return NO_LEVERS;
  }
}
