import { existsSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import * as hostile from '../../scripts/torture/hostile-networks.mjs';
import { WORKER_NICENESS } from '../../src/runtime/workers/pool.js';
import { codeOf, postPicture } from '../support/http-client.js';
import { temporaryFolder } from '../support/model-folders.js';
import { childrenOf, type Running, serve } from '../support/process.js';
import { until } from '../support/worker-script.js';

// Networks that hang, hoard memory, or never load, in a real server. Its workers are what suffers.

const RUN_TIMEOUT_MS = 2000;
const red = new Uint8Array(hostile.RED);

async function start(networks: Record<string, Uint8Array>, env: Record<string, string> = {}) {
  const folder = await temporaryFolder();
  for (const [id, file] of Object.entries({ quick: hostile.quick(), ...networks }))
    hostile.writeModel(folder, id, file);
  return serve({
    MODEL_DIRS: folder,
    MENAGERIE_MODELS: ['quick', ...Object.keys(networks)].join(),
    MENAGERIE_WORKERS: '2',
    MENAGERIE_WORKER_TIMEOUT_MS: String(RUN_TIMEOUT_MS),
    ...env,
  });
}

/** The processes that a server has started and that still run: workers, one that inspects networks, and a shell that sets limits. */
const processesOf = (server: Running) => childrenOf(server).map(Number);

/** The workers among them, by their niceness. */
function workersOf(server: Running): number[] {
  return processesOf(server).filter((pid) => {
    try {
      return getPriority(pid) === getPriority(server.child.pid) + WORKER_NICENESS;
    } catch {
      return false;
    }
  });
}

function commandOf(pid: number): string {
  return existsSync(`/proc/${pid}/cmdline`) ? readFileSync(`/proc/${pid}/cmdline`, 'latin1') : '';
}

const isThere = (pid: number) => existsSync(`/proc/${pid}`);

describe.runIf(process.platform === 'linux')('a network that never ends for some pictures', () => {
  it('fails these, and only these; its worker is replaced', async () => {
    const { url, out } = await start({ trap: hostile.endlessIfRed() });
    const trapped = postPicture(url, red, { query: 'model=trap' });
    for (let seed = 0; seed < 20; seed++) {
      expect((await postPicture(url, red, { query: `model=quick&seed=${seed}` })).status).toBe(200);
    }
    expect(await codeOf(await trapped)).toBe('worker_failed');
    await until(() => out().includes(`no answer within ${RUN_TIMEOUT_MS} ms`), 'the log to say why');
    await until(async () => (await fetch(`${url}/readyz`)).ok, 'the worker to be replaced');
    expect((await postPicture(url, red, { query: 'model=quick&seed=99' })).status).toBe(200);
  });

  it('does not keep the server from stopping, and leaves no process', async () => {
    const env = { MENAGERIE_WORKER_TIMEOUT_MS: '3600000', MENAGERIE_DRAIN_TIMEOUT_MS: '500' };
    const server = await start({ trap: hostile.endlessIfRed() }, env);
    const trapped = postPicture(server.url, red, { query: 'model=trap' }).catch(() => undefined);
    await until(async () => {
      const text = await (await fetch(`${server.url}/metrics`)).text();
      return /menagerie_workers_busy 1/.test(text);
    }, 'it to be at work');
    const workers = processesOf(server);
    expect(workers.length).toBeGreaterThan(1);
    server.child.kill('SIGTERM');
    // Something accepted was not finished.
    expect((await server.ended).status).toBe(1);
    await trapped;
    await until(() => !workers.some(isThere), 'its workers to be gone');
  });

  it('ends with the server, even if that is killed', async () => {
    const server = await start({ trap: hostile.endlessIfRed() }, { MENAGERIE_WORKER_TIMEOUT_MS: '3600000' });
    const trapped = postPicture(server.url, red, { query: 'model=trap' }).catch(() => undefined);
    await until(
      async () => /menagerie_workers_busy 1/.test(await (await fetch(`${server.url}/metrics`)).text()),
      'work',
    );
    const workers = processesOf(server);
    server.child.kill('SIGKILL');
    await trapped;
    await until(() => !workers.some(isThere), 'its workers to be gone');
  });
});

describe('a network that cannot be loaded', () => {
  it('because it never ends or takes too much memory is refused with the reason, and the others serve', async () => {
    const networks = { endless: hostile.endless(), hoarding: hostile.hoarding() };
    const folder = await temporaryFolder();
    for (const [id, file] of Object.entries(networks)) hostile.writeModel(folder, id, file);
    const key = 'a-key-for-this-test';
    const { url } = await serve({
      MODEL_DIRS: folder,
      MENAGERIE_WORKERS: '2',
      MENAGERIE_ADMIN_KEY: key,
      MENAGERIE_LOAD_TIMEOUT_MS: '4000',
    });
    const load = (id: string) =>
      fetch(`${url}/models/${id}/load`, { method: 'POST', headers: { authorization: `Bearer ${key}` } });
    const detailOf = async (reply: Response) => ((await reply.json()) as { detail: string }).detail;
    const [endless, hoarding] = await Promise.all([load('endless'), load('hoarding')]);
    expect(await detailOf(endless)).toBe('endless did not load and run within 4000 ms.');
    expect(await detailOf(hoarding)).toMatch(/^Running hoarding needs about 102400 MB(, may use \d+ MB)?\.$/);
    await until(async () => (await fetch(`${url}/readyz`)).ok, 'the worker to be replaced');
    expect((await postPicture(url, red, { query: 'model=lenet5' })).status).toBe(200);
  });
});

describe.runIf(process.platform === 'linux')('a machine that is suspended', () => {
  it('for longer than work may take loses nothing', async () => {
    // Much longer than the work takes, so that a busy machine does not reach it either.
    const timeoutMs = 4000;
    const server = await start({ slow: hostile.slowIfRed(1e6) }, { MENAGERIE_WORKER_TIMEOUT_MS: String(timeoutMs) });
    const all = [server.child.pid as number, ...processesOf(server)];
    const reply = postPicture(server.url, red, { query: 'model=slow' });
    await sleep(50);
    for (const pid of all) process.kill(pid, 'SIGSTOP');
    await sleep(timeoutMs + 1000);
    for (const pid of all) process.kill(pid, 'SIGCONT');
    expect((await reply).status).toBe(200);
    expect((await postPicture(server.url, red, { query: 'model=quick' })).status).toBe(200);
    expect(server.out()).not.toContain('worker replaced');
  });
});

describe.runIf(process.platform === 'linux')('a worker that somebody ends or stops', () => {
  it.each(['SIGKILL', 'SIGSTOP', 'SIGSEGV'] as const)('by %s is replaced, and nobody notices', async (signal) => {
    const server = await start({}, { MENAGERIE_WORKER_TIMEOUT_MS: '3600000' });
    const first = workersOf(server);
    expect(first).toHaveLength(2);
    // The shell that sets limits is stopped as well, and must not be waited for.
    const shell = processesOf(server).find((pid) => commandOf(pid).includes('prlimit'));
    process.kill(shell as number, signal);
    let asked = 0;
    const ask = async () => (await postPicture(server.url, red, { query: `model=quick&seed=${asked++}` })).status;
    for (const worker of first) {
      process.kill(worker, signal);
      const replies = await Promise.all(Array.from({ length: 10 }, ask));
      // What the worker had in hand when it had a fault may have been the reason for that.
      if (signal === 'SIGSEGV') expect(replies.filter((status) => status !== 200).length).toBeLessThanOrEqual(1);
      else expect(replies).toEqual(Array(10).fill(200));
    }
    await until(() => !workersOf(server).some((pid) => first.includes(pid)), 'all to be replaced');
    await until(async () => (await fetch(`${server.url}/readyz`)).ok, 'the server to be ready');
    expect(await ask()).toBe(200);
  });
});
