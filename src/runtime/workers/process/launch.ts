import { type ChildProcess, spawn } from 'node:child_process';
import { type Duplex, PassThrough, type Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Levers } from './levers.js';

/** How a worker's process is to be started. */
export interface LaunchOptions {
  /** Its program. */
  script: URL;
  levers: Levers;
  /** Steps of niceness below the server. */
  niceness: number;
  /** Environment of the server, of which only a part is handed on. */
  env: NodeJS.ProcessEnv;
}

export interface Launched {
  child: ChildProcess;
  socket: Duplex;
  stderr: Readable;
}

/**
 * The variables that a worker gets: what libraries, the C runtime and CUDA look for. Keys and settings of the server stay where
 * they are.
 */
const HANDED_ON =
  /^(PATH|HOME|LANG|LC_.*|TZ|TMPDIR|TEMP|TMP|SYSTEMROOT|WINDIR|LD_LIBRARY_PATH|LD_PRELOAD|DYLD_.*|MALLOC_.*|GLIBC_TUNABLES|CUDA_.*|NVIDIA_.*|ORT_.*|OMP_.*)$/i;
const HANDED_ON_IN_ALL = {
  // One thread decodes, the one that computes waits for it meanwhile.
  UV_THREADPOOL_SIZE: '1',
  ORT_DISABLE_TELEMETRY: '1',
  // libvips would put large pictures of some formats into a file; what decoding takes is counted as memory, and the disk may be full.
  VIPS_DISC_THRESHOLD: '1000g',
};

/** A worker keeps next to nothing in its heap, and has no use for helpers of the engine on other cores. */
const NODE_FLAGS = ['--v8-pool-size=1', '--max-semi-space-size=4'];

/**
 * Starts a worker's process. It stays in the server's session: where the kernel shares processor time among sessions first (sched(7),
 * autogroup), its niceness would not count in one of its own, and the server would wait up to 40 ms for its turn. So what a terminal
 * sends reaches it, too; it takes no notice.
 */
export function launch({ script, levers, niceness, env }: LaunchOptions): Launched {
  const node = [process.execPath, ...NODE_FLAGS, fileURLToPath(script)];
  if (levers.parentDeathSignal) node.push('--parent-death-signal');
  const [file, ...args] = throughShell(node, levers, niceness) as [string, ...string[]];
  const handedOn = Object.entries(env).filter(([name]) => HANDED_ON.test(name));
  const child = spawn(file, args, {
    // The socket, and a pipe of which only the end is of interest.
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...Object.fromEntries(handedOn), ...HANDED_ON_IN_ALL },
    windowsHide: true,
  });
  // Where the system has no descriptors left there are no pipes either, and an error follows.
  const [, , stderr = new PassThrough(), socket = new PassThrough(), lifeline = new PassThrough()] = (child.stdio ??
    []) as unknown as [null, null, Readable?, Duplex?, Duplex?];
  // It breaks when the worker ends; that is told by the process.
  lifeline.on('error', () => {});
  lifeline.resume();
  return { child, socket, stderr };
}

/** The command with the levers that hold: a shell sets them and becomes the worker. */
function throughShell(command: string[], levers: Levers, niceness: number): string[] {
  const steps: string[] = [];
  if (levers.oomScore) steps.push('echo 1000 > /proc/self/oom_score_adj');
  const nice = levers.niceness ? `nice -n ${niceness} ` : '';
  const deathSignal = levers.parentDeathSignal ? 'setpriv --pdeathsig KILL ' : '';
  if (steps.length === 0 && nice === '' && deathSignal === '') return command;
  return ['/bin/sh', '-c', [...steps, `exec ${nice}${deathSignal}"$0" "$@"`].join('; '), ...command];
}
