import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../support/model-folders.js';
import { childrenOf, serve, start } from '../support/process.js';
import { until } from '../support/worker-script.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

describe('SIGHUP', () => {
  it('drains like SIGTERM, however often it comes', async () => {
    const server = await serve({ MENAGERIE_DRAIN_DELAY_MS: '500' });
    server.child.kill('SIGHUP');
    await until(async () => server.out().includes('"stopping"'), 'it to begin stopping');
    server.child.kill('SIGHUP');
    expect((await fetch(`${server.url}/readyz`)).status).toBe(503);
    const { status, out } = await server.ended;
    expect(status).toBe(0);
    expect(out).toContain('"stopped"');
  });
});

describe.runIf(process.platform === 'linux')('a terminal that is closed', () => {
  it('drains the server in it, which ends in good order', async () => {
    const folder = await temporaryFolder();
    const status = join(folder, 'status');
    // The shell that the terminal belongs to ends with it, the other one stays to say how the server ended.
    const inner = join(folder, 'inner.sh');
    writeFileSync(inner, `trap '' HUP\n'${process.execPath}' '${MAIN}' serve\necho "status $?" > '${status}'\n`);
    const inside = `sh '${inner}'; true`;
    const terminal = spawn('script', ['-q', '-f', '-c', inside, join(folder, 'screen')], {
      env: { PATH: process.env.PATH, PORT: '0', MENAGERIE_MODELS: 'lenet5', MENAGERIE_WORKERS: '1', SHELL: '/bin/sh' },
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    onTestFinished(() => void terminal.kill('SIGKILL'));
    const screen = () => readFileSync(join(folder, 'screen'), 'utf8');
    await until(() => existsSync(join(folder, 'screen')) && screen().includes('"ready"'), 'the server to be ready');
    terminal.kill('SIGKILL');
    await until(() => existsSync(status), 'the server to end');
    await until(() => readFileSync(status, 'utf8') === 'status 0\n', 'it to have ended with 0');
  });
});

describe.runIf(process.platform === 'linux')('signals that mean nothing here', () => {
  it('change nothing: SIGUSR1, SIGUSR2, SIGPIPE', async () => {
    const server = await serve();
    for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGPIPE'] as const) {
      server.child.kill(signal);
      for (let i = 0; i < 5; i++) {
        expect([signal, (await fetch(`${server.url}/readyz`)).status]).toEqual([signal, 200]);
        await sleep(50);
      }
    }
    server.child.kill('SIGTERM');
    const { status, err } = await server.ended;
    expect(status).toBe(0);
    // What Node writes when it opens its port for debuggers.
    expect(err).not.toMatch(/debugger/i);
  });
});

describe('SIGTERM while a server starts', () => {
  it.each([0, 60, 150, 300, 450, 600, 900])('ends it after %i ms', async (ms) => {
    const running = start(['serve'], { PORT: '0', MENAGERIE_MODELS: 'lenet5,cifar10-vgg16' });
    await sleep(ms);
    const children = process.platform === 'linux' ? childrenOf(running) : [];
    running.child.kill('SIGTERM');
    // Before the program is there to hear it, the signal ends the process itself.
    const { status } = await running.ended;
    expect([0, 'SIGTERM']).toContain(status);
    await until(async () => children.every((pid) => !alive(Number(pid))), 'its children to be gone');
  });
});

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
