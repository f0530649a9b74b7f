import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { metric } from '../support/http-client.js';
import { temporaryFolder } from '../support/model-folders.js';
import { run, serve, start } from '../support/process.js';
import { until } from '../support/worker-script.js';

// Where output goes that nobody reads, or that cannot be written.

const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;
const FULL = '/dev/full';

/** A pipe between a process and this test, which reads it when it wants to; the name lets the reader come back. */
async function pipe() {
  const path = join(await temporaryFolder(), 'pipe');
  execFileSync('mkfifo', [path]);
  let reader = openSync(path, O_RDONLY | O_NONBLOCK);
  const writer = openSync(path, O_WRONLY);
  let text = '';
  const piece = Buffer.alloc(1 << 16);
  const close = () => closeSync(reader);
  return {
    writer,
    close,
    reopen() {
      reader = openSync(path, O_RDONLY | O_NONBLOCK);
    },
    /** All that was read so far, after having read what there is. */
    read() {
      try {
        for (let n = readSync(reader, piece); n > 0; n = readSync(reader, piece)) text += piece.toString('utf8', 0, n);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      }
      return text;
    },
  };
}

async function ask(url: string, requests: number): Promise<number> {
  let answered = 0;
  const client = async () => {
    for (let left = requests / 8; left > 0; left--) {
      const response = await fetch(`${url}/nothing`);
      await response.text();
      if (response.status === 404) answered++;
    }
  };
  await Promise.all(Array.from({ length: 8 }, client));
  return answered;
}

const DROPPED = 'menagerie_log_lines_dropped_total';

describe('a server whose log', () => {
  it('nobody reads answers on, says afterwards how many lines are missing, and ends', async () => {
    const log = await pipe();
    onTestFinished(log.close);
    const { url, child, ended } = await serve({}, { out: log.writer });
    const requests = 8000;
    expect(await ask(url, requests)).toBe(requests);
    const dropped = await metric(url, DROPPED);
    expect(dropped).toBeGreaterThan(0);

    await until(async () => /log lines were dropped/.test(log.read()), 'the missing lines to be named');
    const entries = log
      .read()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { msg: string; level: string; lines?: number });
    expect(entries.at(-1)).toMatchObject({ level: 'warn', lines: dropped, msg: `${dropped} log lines were dropped` });

    // Unread again, and more than the pipe takes.
    expect(await ask(url, 800)).toBe(800);
    child.kill('SIGTERM');
    expect((await ended).status).toBe(0);
  });

  it('has lost its reader answers on, and is written again when there is one', async () => {
    const log = await pipe();
    const { url, child, ended } = await serve({}, { out: log.writer });
    await until(async () => log.read().includes('"ready"'), 'the first lines');
    log.close();
    expect(await ask(url, 80)).toBe(80);
    log.reopen();
    onTestFinished(log.close);
    const count = () => log.read().split('"msg":"request"').length - 1;
    await until(async () => count() >= 80, 'the lines of the requests');
    child.kill('SIGTERM');
    expect((await ended).status).toBe(0);
    expect(log.read()).toContain('"stopped"');
  });

  it.runIf(process.platform === 'linux')('goes to a full disk answers on, and ends', async () => {
    const full = openSync(FULL, 'w');
    onTestFinished(() => closeSync(full));
    const { url, child, ended } = await serve({}, { out: full });
    expect(await ask(url, 80)).toBe(80);
    child.kill('SIGTERM');
    expect((await ended).status).toBe(0);
  });
});

describe('messages that', () => {
  it.runIf(process.platform === 'linux')('cannot be written do not keep a server from serving and ending', async () => {
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port } = free.address() as { port: number };
    free.close();
    const [full, unread, closed] = [openSync(FULL, 'w'), await pipe(), await pipe()];
    closed.close();
    onTestFinished(unread.close);
    for (const err of [full, unread.writer, closed.writer]) {
      const env = { PORT: `${port}`, MENAGERIE_MODELS: 'lenet5', MENAGERIE_WORKERS: '1' };
      const { child, ended } = start(['serve'], env, { err });
      const ready = async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
      await until(() => ready().catch(() => false), 'the server to be ready');
      child.kill('SIGTERM');
      expect((await ended).status).toBe(0);
    }
  });
});

describe.runIf(process.platform === 'linux')('results that cannot be written', () => {
  const digit = fileURLToPath(new URL('../../models/golden/digit-7.png', import.meta.url));
  it.each([['list'], ['--help'], ['architecture'], ['summary', 'lenet5'], ['classify', '-m', 'lenet5', digit]])(
    '%s %s says so in one line',
    async (...args) => {
      const full = openSync(FULL, 'w');
      onTestFinished(() => closeSync(full));
      const { status, err } = await run(args, {}, { out: full });
      expect([status, err]).toEqual([1, 'Cannot write the results: the disk is full.\n']);
    },
  );
});
