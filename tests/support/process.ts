import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { atTheEnd } from './at-the-end.js';
import { until } from './worker-script.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export interface Ended {
  /** The exit status, or the signal that ended it. */
  status: number | string;
  out: string;
  err: string;
}

/** A running menagerie; it ends with the test at the latest. */
export interface Running {
  child: ChildProcess;
  /** What it has written so far. */
  out(): string;
  err(): string;
  ended: Promise<Ended>;
}

/** Where a process reads and writes, if the test does not read it as a pipe: descriptors. And who it is. */
export interface Descriptors {
  in?: number | 'pipe';
  out?: number;
  err?: number;
  uid?: number;
  gid?: number;
}

/**
 * Starts `menagerie`, which ends with the test, or with the file outside of tests. The environment holds what is given here and PATH,
 * nothing else.
 */
export function start(args: readonly string[], env: Record<string, string> = {}, to: Descriptors = {}): Running {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: [to.in ?? 'ignore', to.out ?? 'pipe', to.err ?? 'pipe'],
    ...(to.uid === undefined ? {} : { uid: to.uid }),
    ...(to.gid === undefined ? {} : { gid: to.gid }),
  });
  atTheEnd(() => child.kill('SIGKILL'));
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout?.on('data', (chunk) => out.push(chunk));
  child.stderr?.on('data', (chunk) => err.push(chunk));
  const text = (chunks: Buffer[]) => Buffer.concat(chunks).toString();
  const ended = once(child, 'close').then(([code, signal]) => ({
    status: code ?? signal,
    out: text(out),
    err: text(err),
  }));
  return { child, out: () => text(out), err: () => text(err), ended };
}

/** Runs `menagerie` to its end. */
export function run(args: readonly string[], env?: Record<string, string>, to?: Descriptors): Promise<Ended> {
  return start(args, env, to).ended;
}

/** Starts `menagerie serve` with the bundled LeNet-5 on a free port, and waits until it is ready. */
export async function serve(
  env: Record<string, string> = {},
  to?: Pick<Descriptors, 'out'>,
): Promise<Running & { url: string; port: number }> {
  const running = start(['serve'], { PORT: '0', MENAGERIE_MODELS: 'lenet5', MENAGERIE_WORKERS: '1', ...env }, to);
  let ended = false;
  void running.ended.then(() => {
    ended = true;
  });
  const address = () => /listens on (http:\S+)/.exec(running.err())?.[1];
  const ready = async () => {
    if (ended) throw new Error(`it ended: ${running.err()}`);
    const url = address();
    return url !== undefined && (await fetch(`${url}/readyz`)).ok;
  };
  await until(() => ready().catch(() => false), 'the server to be ready');
  const url = address() as string;
  return { ...running, url, port: Number(new URL(url).port) };
}

/** Processes whose parent is this one. */
export function childrenOf({ child }: Running): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return (
        /^\d+$/.test(pid) &&
        new RegExp(`^PPid:\\s+${child.pid}$`, 'm').test(readFileSync(`/proc/${pid}/status`, 'utf8'))
      );
    } catch {
      return false;
    }
  });
}
