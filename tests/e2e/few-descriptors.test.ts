import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../support/worker-script.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** `menagerie` with so many open files at most. */
function limited(files: number, ...args: string[]) {
  const child: ChildProcess = spawn(
    'sh',
    ['-c', `ulimit -n ${files}; exec "$0" "$@"`, process.execPath, MAIN, ...args],
    {
      env: { PATH: process.env.PATH, PORT: '0', MENAGERIE_MODELS: 'lenet5', MENAGERIE_WORKERS: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  let [out, err] = ['', ''];
  child.stdout?.on('data', (text) => {
    out += text;
  });
  child.stderr?.on('data', (text) => {
    err += text;
  });
  const ended = once(child, 'close').then(([status]) => ({ status, out, err }));
  return { child, ended, err: () => err };
}

describe.runIf(process.platform === 'linux')('with few files that may be open', () => {
  it.each([
    [64, 'serve'],
    [64, 'list'],
    [255, 'serve'],
  ] as const)('%i: %s names the limit and what is needed', async (files, command) => {
    const { status, out, err } = await limited(files, command).ended;
    expect([status, out]).toEqual([2, '']);
    expect(err).toBe(
      `This process may have ${files} files open, and menagerie needs 256 and one for each connection: raise the limit (ulimit -n 1024).\n`,
    );
  });

  it('a server that has more connections than it can have closes some, and serves on', async () => {
    const { child, ended, err } = limited(256, 'serve');
    const address = () => /listens on (http:\S+)/.exec(err())?.[1] ?? '';
    const answers = async () => (await fetch(`${address()}/readyz`)).ok;
    await until(() => answers().catch(() => false), 'the server to be ready');
    const port = Number(new URL(address()).port);
    let closed = 0;
    const sockets: Socket[] = [];
    for (let i = 0; i < 400; i++) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.on('close', () => closed++);
      sockets.push(socket);
    }
    await until(() => closed >= 100, 'some to be closed');
    for (const socket of sockets) socket.destroy();
    await until(() => answers().catch(() => false), 'it to answer again');
    child.kill('SIGTERM');
    expect((await ended).status).toBe(0);
  });
});
