import { type ChildProcess, spawn } from 'node:child_process';
import { Duplex, PassThrough, type Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Levers } from './levers.js';

/** How to start a worker process. */
export interface LaunchOptions {
  /** The program of the worker. */
  script: URL;
  levers: Levers;
  /** Steps of niceness below the server. */
  niceness: number;
  /** Whether it runs only where nothing else wants to. */
  idle?: boolean;
  /** Environment of the server. Only the variables in HANDED_ON are passed on. */
  env: NodeJS.ProcessEnv;
}

export interface Launched {
  child: ChildProcess;
  socket: Duplex;
  stderr: Readable;
}

type Command = [file: string, ...args: string[]];

/** The variables that a worker gets: those that libraries, the C runtime and CUDA read. It gets no keys or settings of the server. */
const HANDED_ON =
  /^(PATH|HOME|LANG|LC_.*|TZ|TMPDIR|TEMP|TMP|SYSTEMROOT|WINDIR|LD_LIBRARY_PATH|LD_PRELOAD|DYLD_.*|MALLOC_.*|GLIBC_TUNABLES|CUDA_.*|NVIDIA_.*|ORT_.*|OMP_.*)$/i;
/** Unless the server's environment says otherwise. By default glibc keeps memory for each thread in an arena of its own. */
const DEFAULTS = { MALLOC_ARENA_MAX: '2' };
const ADDED = {
  // One thread decodes, and the main thread waits for it.
  UV_THREADPOOL_SIZE: '1',
  ORT_DISABLE_TELEMETRY: '1',
  // Keeps libvips from writing large pictures of some formats to a file: decoding is counted as memory, and the disk may be full.
  VIPS_DISC_THRESHOLD: '1000g',
};

/** A worker has a small heap, and V8's helper threads would take time from other cores. */
const NODE_FLAGS = ['--v8-pool-size=1', '--max-semi-space-size=4'];

/**
 * Starts a worker process. It stays in the server's session: if the kernel divides processor time among sessions first (sched(7),
 * autogroup), niceness has no effect between sessions, and the server would wait up to 40 ms for its turn. Signals from a terminal
 * therefore reach the worker too; it ignores them.
 */
export function launch({ script, levers, niceness, idle = false, env }: LaunchOptions): Launched {
  const node: Command = [process.execPath, ...NODE_FLAGS, fileURLToPath(script)];
  if (levers.parentDeathSignal) node.push('--parent-death-signal');
  const [file, ...args] = throughShell(node, levers, niceness, idle);
  const handedOn = Object.entries(env).filter(([name]) => HANDED_ON.test(name));
  const child = spawn(file, args, {
    // 3 is the socket; 4 is a pipe that only tells the worker when the server ends.
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...DEFAULTS, ...Object.fromEntries(handedOn), ...ADDED },
    windowsHide: true,
  });
  // If the system has no file descriptors left, there are no pipes, and the process emits an error.
  const [, , stderr, socket, lifeline] = child.stdio ?? [];
  const pipe = duplexOf(lifeline);
  // The pipe breaks when the worker ends; the process reports that.
  pipe.on('error', () => {});
  pipe.resume();
  return { child, socket: duplexOf(socket), stderr: stderr ?? new PassThrough() };
}

function duplexOf(stream: unknown): Duplex {
  return stream instanceof Duplex ? stream : new PassThrough();
}

/** The command with the controls that work: a shell sets them, then becomes the worker. */
function throughShell(command: Command, levers: Levers, niceness: number, idle: boolean): Command {
  const steps: string[] = [];
  if (levers.oomScore) steps.push('echo 1000 > /proc/self/oom_score_adj');
  const before = [
    levers.idleClass && idle && 'chrt --idle 0',
    levers.niceness && `nice -n ${niceness}`,
    levers.parentDeathSignal && 'setpriv --pdeathsig KILL',
  ].filter((part) => part !== false);
  if (steps.length === 0 && before.length === 0) return command;
  return ['/bin/sh', '-c', [...steps, ['exec', ...before, '"$0" "$@"'].join(' ')].join('; '), ...command];
}
