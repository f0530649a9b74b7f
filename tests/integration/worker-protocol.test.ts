import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { toMenagerieError } from '../../src/core/errors.js';
import { PLAIN_VIEW_OPTIONS } from '../../src/core/views/test-time.js';
import { launch } from '../../src/runtime/workers/process/launch.js';
import { findLevers, NO_LEVERS } from '../../src/runtime/workers/process/levers.js';
import { encodeFrame, type Frame, FrameReader } from '../../src/runtime/workers/protocol/frame.js';
import { temporaryFolder } from '../support/model-folders.js';
import { best, once as seenOnce, specOf, turn } from '../support/networks.js';
import { startPool } from '../support/server.js';
import { instruct, instructPng, until, Weights } from '../support/worker-script.js';

async function setUp() {
  const replaced: string[] = [];
  const pool = startPool({ events: { workerReplaced: (_worker, reason) => replaced.push(reason) } });
  const weights = new Weights(join(await temporaryFolder(), 'n.onnx'));
  await pool.load(specOf('n', weights.file), 1);
  const run = (...instruction: Parameters<typeof instruct>) =>
    pool.run('n', seenOnce(instruct(...instruction)), turn());
  return { pool, weights, replaced, run };
}

describe('the server', () => {
  it.each([
    [0, 'bytes that are no frame', 'sent not a frame of this version'],
    [1, 'more bytes than it may', 'sent a frame of 4294967295 bytes; 268435456 are allowed'],
    [2, 'an answer to what was not asked', /^answered call \d+ out of its turn$/],
    [3, 'an answer to no call', 'answered call [object Object] out of its turn'],
    [4, 'a head that is a list', 'answered call undefined out of its turn'],
    [5, 'the end of the socket, and lives on', 'closed its socket'],
    [16, 'neither an answer nor an error', /^answered call \d+ out of its turn$/],
    [17, 'that a call was taken back which was not', /^answered call \d+ out of its turn$/],
  ])('ends a worker that sends (%i) %s; its picture is not tried again', async (which, _what, reason) => {
    const { pool, weights, replaced, run } = await setUp();
    const [pid = 0] = pool.pids;
    const babbling = run('babble', which);
    const others = [21, 22].map((picture) => run('answer', picture));
    const cause = typeof reason === 'string' ? reason : expect.stringMatching(reason);
    await expect(babbling).rejects.toMatchObject({ code: 'worker_failed', cause });
    expect((await Promise.all(others)).map(best)).toEqual([1, 2]);
    expect(weights.begun).toEqual([which, 21, 22]);
    expect(replaced).toEqual([cause]);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  it.each([
    [6, 'nothing'],
    [7, 'an answer without outcomes'],
    [8, 'outcomes that are no list'],
    [9, 'an outcome that is nothing'],
    [10, 'scores that are not there'],
    [11, 'scores of part of a number'],
    [12, 'a picture without views'],
    [13, 'more views than there are scores'],
    [14, 'an error without a code'],
    [15, 'an error whose code there is not'],
  ])('takes (%i) %s for a fault of its own, and the worker goes on', async (which) => {
    const { pool, replaced, run } = await setUp();
    const pids = pool.pids;
    const file = { bytes: await instructPng('babble', which), heavy: false };
    const error = await pool.classify('n', file, { autoOrient: true, viewOptions: PLAIN_VIEW_OPTIONS }, 1, turn()).then(
      () => undefined,
      (reason) => toMenagerieError(reason),
    );
    expect(error).toMatchObject({ code: 'internal', message: expect.any(String) });
    expect(best(await run('answer', 3))).toBe(3);
    expect([replaced, pool.pids]).toEqual([[], pids]);
  });
});

const REAL = new URL('../../dist/runtime/workers/inside/worker-main.js', import.meta.url);
const SETTINGS = { device: 'cpu', threads: 1, decode: { maxPixels: 1000 }, runBytes: 2 ** 30 };
const START = { id: 1, kind: 'start', ask: { settings: SETTINGS } };
const LEVERS = await findLevers();

/** A process of a worker, with nobody at the other end of its socket but the test. */
function launched(levers = LEVERS) {
  const { child, socket, stderr } = launch({
    script: REAL,
    levers,
    niceness: 5,

    env: { PATH: process.env.PATH },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  for (const stream of [socket, stderr]) stream.on('error', () => {});
  stderr.resume();
  const reader = new FrameReader(2 ** 20);
  const answers: Frame[] = [];
  socket.on('data', (chunk: Uint8Array) => answers.push(...reader.push(chunk)));
  const ended = once(child, 'exit').then(([status, signal]) => ({ status, signal }));
  const send = (head: object, parts: Uint8Array[] = []) => {
    for (const bytes of encodeFrame(head, parts)) socket.write(bytes);
  };
  return { child, socket, answers, ended, send };
}

describe('a worker as it is built', () => {
  it('answers calls in their order, those that it cannot do with an error', async () => {
    const { answers, send } = launched();
    send(START);
    send({ id: 2, kind: 'unload', ask: { key: 'nothing' } });
    send({ id: 3, kind: 'repeat', ask: { key: 'nothing', ms: 1 } });
    send({ id: 4, kind: 'render', ask: { autoOrient: true, renderings: [] } }, [new Uint8Array(100)]);
    send({ id: 5, kind: 'cancel' });
    send({ id: 5, kind: 'unload', ask: { key: 'nothing' } });
    await until(() => answers.length === 5, 'the answers');
    expect(answers.map(({ head }) => head)).toEqual([
      { id: 1, type: 'done', answer: {} },
      { id: 2, type: 'done', answer: {} },
      { id: 3, type: 'failed', code: 'internal', message: expect.any(String), detail: expect.any(String) },
      { id: 4, type: 'failed', code: 'not_an_image', message: expect.any(String) },
      { id: 5, type: 'cancelled' },
    ]);
  });

  it.each([
    ['random bytes', [randomBytes(100_000)]],
    ['a request of HTTP', [Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n')]],
    ['a frame, and then bytes that are none', [...encodeFrame(START), Buffer.alloc(100, 7)]],
    ['a head that is no JSON', [Buffer.concat(encodeFrame({ ab: 1 })).fill('{', 12)]],
    [
      'more than any frame has',
      [Buffer.concat(encodeFrame(START, Array(4).fill(new Uint8Array(1)))).fill(255, 12, 28)],
    ],
  ])('ends when %s come to it, and does not hang', async (_what, chunks) => {
    const { socket, ended } = launched();
    for (const chunk of chunks) socket.write(chunk);
    const { status, signal } = await ended;
    expect(signal).toBeNull();
    expect(status).not.toBe(0);
  });

  it.each([
    ['with all levers of this system', LEVERS],
    ['without any', NO_LEVERS],
  ])('ends when its socket is closed, %s', async (_which, levers) => {
    const { socket, answers, ended, send } = launched(levers);
    send(START);
    await until(() => answers.length === 1, 'it to have started');
    socket.end();
    expect((await ended).signal).toBe('SIGKILL');
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('lives on when somebody sends it %s', async (signal) => {
    const { child, answers, send } = launched();
    send(START);
    await until(() => answers.length === 1, 'it to have started');
    child.kill(signal);
    send({ id: 2, kind: 'unload', ask: { key: 'nothing' } });
    await until(() => answers.length === 2, 'its answer');
    expect([child.exitCode, child.signalCode]).toEqual([null, null]);
  });
});
