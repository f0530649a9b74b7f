import { cpuSecondsOf, pssOf, treeOf } from '../../system/process-tree.js';
import type { ProgressBar } from '../shared/progress.js';
import type { BenchLevel } from './bench-report.js';
import type { ClassifyRequest } from './requests.js';
import { type Shot, shoot } from './shoot.js';
import type { BenchSubject } from './subject.js';
import type { LoadTarget } from './target.js';

/** The first requests are slower than those that follow, in a JavaScript engine for thousands of them. */
const WARM_UP_S = 3;
/** The bare network varies less than a server. */
const BARE_S = 3;

export interface MeasureOptions {
  /** Numbers of connections, one after the other. */
  connections: readonly number[];
  /** Seconds for each number of connections. */
  seconds: number;
}

/**
 * Loads a server with several numbers of connections, and measures the bare network before and after each.
 * @param requests at least one
 * @throws MenagerieError `server_failed`, `worker_failed`; the signal's reason
 */
export async function measureLevels(
  { pid, bare, signal }: BenchSubject,
  target: LoadTarget,
  requests: readonly ClassifyRequest[],
  { connections: levels, seconds }: MeasureOptions,
  bar: ProgressBar,
): Promise<BenchLevel[]> {
  /** The server's answers come in turn: after this one it has done all that it had begun. */
  const settle = async () => {
    for (const request of requests.slice(0, 1)) await target.ask(request, signal).catch(() => signal.throwIfAborted());
  };
  const runBare = async () => {
    await settle();
    return bare?.imagesPerS(1000 * Math.min(BARE_S, seconds), signal);
  };
  bar.update(0, levels.length, 'warming up');
  const most = Math.max(...levels);
  await shoot(target, requests, { connections: most, seconds: Math.min(WARM_UP_S, seconds) }, signal);
  const measured: BenchLevel[] = [];
  let before = await runBare();
  for (const [done, connections] of levels.entries()) {
    bar.update(done, levels.length, `${connections} connections`);
    const [shot, usage] = await withUsage(pid, () => shoot(target, requests, { connections, seconds }, signal));
    const after = await runBare();
    const bareImagesPerS = before === undefined || after === undefined ? undefined : (before + after) / 2;
    measured.push({ connections, shot, ...usage, bareImagesPerS });
    before = after;
  }
  return measured;
}

/** What the processes of a server take while it is loaded. */
async function withUsage(
  pid: number | undefined,
  load: () => Promise<Shot>,
): Promise<[Shot, Pick<BenchLevel, 'cpuSeconds' | 'memoryBytes'>]> {
  const tree = () => (pid === undefined ? [] : treeOf(pid));
  const before = cpuSecondsOf(tree());
  const shot = await load();
  const pids = tree();
  const after = cpuSecondsOf(pids);
  const cpuSeconds = before === undefined || after === undefined ? undefined : after - before;
  return [shot, { cpuSeconds, memoryBytes: pssOf(pids) }];
}
