import { setTimeout as sleep } from 'node:timers/promises';
import type { BareNetwork } from '../../runtime/workers/bare-network.js';
import { cpuSecondsOf, pssOf, treeOf } from '../../system/process-tree.js';
import type { ProgressBar } from '../shared/progress.js';
import type { BareLevel, BenchLevel } from './bench-report.js';
import type { ClassifyRequest } from './requests.js';
import { type Shot, shoot } from './shoot.js';
import type { BenchSubject } from './subject.js';
import type { LoadTarget } from './target.js';

/** The first requests are slower than those that follow, in a JavaScript engine for thousands of them. */
const WARM_UP_S = 3;
/** The bare network varies less than a server. */
const BARE_S = 3;
/** Memory is read when this share of the load is over: the server has then what it needs, and is still at work. */
const MEMORY_AT = 0.9;

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
    return bare && measureBare(bare, 1000 * Math.min(BARE_S, seconds), signal);
  };
  bar.update(0, levels.length, 'warming up');
  const most = Math.max(...levels);
  await shoot(target, requests, { connections: most, seconds: Math.min(WARM_UP_S, seconds) }, signal);
  const measured: BenchLevel[] = [];
  let before = await runBare();
  for (const [done, connections] of levels.entries()) {
    bar.update(done, levels.length, `${connections} connections`);
    const load = () => shoot(target, requests, { connections, seconds }, signal);
    const [shot, usage] = await withUsage(pid, seconds, load);
    const after = await runBare();
    measured.push({ connections, shot, ...usage, bare: before && after && meanOf(before, after) });
    before = after;
  }
  return measured;
}

/** What the network does without a server, and the processor time that takes. */
async function measureBare(bare: BareNetwork, ms: number, signal: AbortSignal): Promise<BareLevel> {
  const before = cpuSecondsOf(bare.pids);
  const { images, imagesPerS } = await bare.run(ms, signal);
  const after = cpuSecondsOf(bare.pids);
  const cpuMs = before === undefined || after === undefined ? undefined : (1000 * (after - before)) / images;
  return { imagesPerS, cpuMs };
}

function meanOf(a: BareLevel, b: BareLevel): BareLevel {
  const cpuMs = a.cpuMs === undefined || b.cpuMs === undefined ? undefined : (a.cpuMs + b.cpuMs) / 2;
  return { imagesPerS: (a.imagesPerS + b.imagesPerS) / 2, cpuMs };
}

/** What the processes of a server take while it is loaded. */
async function withUsage(
  pid: number | undefined,
  seconds: number,
  load: () => Promise<Shot>,
): Promise<[Shot, Pick<BenchLevel, 'cpuSeconds' | 'memoryBytes'>]> {
  const tree = () => (pid === undefined ? [] : treeOf(pid));
  const over = new AbortController();
  const memory = sleep(1000 * seconds * MEMORY_AT, undefined, { signal: over.signal }).then(
    () => pssOf(tree()),
    () => undefined,
  );
  const before = cpuSecondsOf(tree());
  // A load that ends early has failed, and tells nothing of memory.
  const shot = await load().finally(() => over.abort());
  const after = cpuSecondsOf(tree());
  const cpuSeconds = before === undefined || after === undefined ? undefined : after - before;
  return [shot, { cpuSeconds, memoryBytes: await memory }];
}
