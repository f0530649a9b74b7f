import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createProbe } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';

// The health check of the image finds the server by the flags and variables that it was started with.

const HEALTH = fileURLToPath(new URL('../../deploy/docker/health.mjs', import.meta.url));
const open: { close(): void }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

async function listening(host: string, ready = true): Promise<number> {
  const server: Server = createServer((request, response) => {
    response.statusCode = ready && request.url === '/readyz' ? 200 : 503;
    response.end();
  });
  open.push(server);
  server.listen(0, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A process whose command line is that of a server. */
async function startedWith(...flags: string[]): Promise<string> {
  const idle = spawn(process.execPath, [
    '-e',
    'setInterval(() => {}, 1000); console.log()',
    '/app/dist/main.js',
    'serve',
    ...flags,
  ]);
  open.push({ close: () => void idle.kill('SIGKILL') });
  await once(idle.stdout, 'data');
  return String(idle.pid);
}

async function health(pid: string, env: Record<string, string> = {}): Promise<number> {
  const child = spawn(process.execPath, [HEALTH, pid], { env: { PATH: process.env.PATH, ...env } });
  const [status] = (await once(child, 'exit')) as [number];
  return status;
}

const hasIPv6 = await new Promise<boolean>((resolve) => {
  const probe = createProbe().listen(0, '::1');
  probe.once('listening', () => probe.close(() => resolve(true)));
  probe.once('error', () => resolve(false));
});

describe.runIf(process.platform === 'linux')('the health check', () => {
  test('asks the port of the environment, or that of the flags, which goes before it', async () => {
    const port = `${await listening('127.0.0.1')}`;
    expect(await health(await startedWith(), { PORT: port, HOST: '0.0.0.0' })).toBe(0);
    expect(await health(await startedWith('--port', port), { PORT: '1' })).toBe(0);
    expect(await health(await startedWith(`--port=${port}`), { PORT: '1' })).toBe(0);
    expect(await health(await startedWith('--port', '1'), { PORT: port })).toBe(1);
  });

  test('asks the host that the server listens on', async () => {
    const port = `${await listening('127.0.0.2')}`;
    expect(await health(await startedWith('--host', '127.0.0.2', '--port', port))).toBe(0);
    expect(await health(await startedWith('--port', port))).toBe(1);
    expect(await health(await startedWith(), { HOST: '127.0.0.2', PORT: port })).toBe(0);
  });

  test.runIf(hasIPv6)('asks over IPv6 where the server listens there (skipped without IPv6)', async () => {
    const port = `${await listening('::1')}`;
    for (const host of ['::', '::1']) expect(await health(await startedWith(), { HOST: host, PORT: port })).toBe(0);
  });

  test('says no where the server is not ready', async () => {
    const port = `${await listening('127.0.0.1', false)}`;
    expect(await health(await startedWith(), { PORT: port })).toBe(1);
  });
});
