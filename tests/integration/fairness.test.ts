import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { decode } from '../../src/imaging/decode.js';
import { WorkerProcess } from '../../src/runtime/workers/process/worker-process.js';
import type { Ask, CallKind } from '../../src/runtime/workers/protocol/calls.js';
import type { Bytes } from '../../src/runtime/workers/protocol/frame.js';
import { answers, formOf, postPicture, resultOf } from '../support/http-client.js';
import { CROPPED, startServer, type TestServer } from '../support/server.js';
import { instructPng, until } from '../support/worker-script.js';

// Start-time fair queuing: a newcomer's start is the virtual time, which is the start of what was served last. Of everyone
// else's work at most one piece can start as early as that and stand before it; the others follow by their own cost. So
// besides what already runs in the workers, a newcomer waits for no more than one piece of each flow that is served at length.

const HEAVY = ['a', 'b', 'c'];
const CROPS = 10;
const PIECES = HEAVY.length * CROPS;

const startZoo = (workers: number) =>
  startServer({
    models: { a: {}, b: {}, c: {}, cheap: {} },
    manifests: Object.fromEntries(HEAVY.map((id) => [id, CROPPED])),
    workers,
  });

/** Asks all heavy networks for all crops of a picture that they hold on to. */
const askHeavy = async ({ url }: TestServer, picture: number) =>
  postPicture(url, await instructPng('hold', picture), { path: '/ensemble', query: `models=${HEAVY}&crops=${CROPS}` });
const openHeavy = ({ weights }: TestServer, picture: number) => {
  for (const id of HEAVY) weights[id]?.open(picture);
};
const askCheap = async ({ url }: TestServer, picture: number) =>
  postPicture(url, await instructPng('answer', picture), { query: 'model=cheap' });

/**
 * Watches what workers are given from now on by calls of these kinds: pictures, or views of them. What workers begin they note themselves, but on a
 * busy machine a process may come to that long after it was given its work.
 * @returns tells the arguments of the pictures, in order
 */
function watchWorkers(...kinds: CallKind[]): () => Promise<number[]> {
  const given: { picture: boolean; bytes: Uint8Array<ArrayBuffer> }[] = [];
  const original = WorkerProcess.prototype.call;
  const spy = vi.spyOn(WorkerProcess.prototype, 'call');
  spy.mockImplementation(function (this: WorkerProcess, kind, ask, parts, ...rest) {
    const { inputs = [{ kind: 'picture' }] } = ask as Partial<Ask<'run'>>;
    for (const [i, input] of kinds.includes(kind) ? inputs.entries() : []) {
      const part = parts[i] as Bytes;
      const bytes = Buffer.concat(part instanceof Uint8Array ? [part] : part.pieces);
      given.push({ picture: input.kind === 'picture', bytes });
    }
    return original.call(this, kind, ask, parts, ...rest);
  });
  onTestFinished(() => spy.mockRestore());
  const numberOf = async ({ picture, bytes }: (typeof given)[number]) => {
    const [, high = 0, low = 0] = picture ? (await decode(bytes, true, { maxPixels: 1000 })).data : bytes;
    return 256 * high + low;
  };
  return () => Promise.all(given.map(numberOf));
}

/** For each of `pictures`, how many pieces of other pictures were begun before it. */
function waitedFor(begun: readonly number[], pictures: readonly number[], others: readonly number[]): number[] {
  return pictures.map((picture) => begun.slice(0, begun.indexOf(picture)).filter((one) => others.includes(one)).length);
}

describe('a request with many crops for many networks', () => {
  it.each([1, 2, 3])('lets cheap ones that come later through, and finishes, on %i workers', async (workers) => {
    const server = await startZoo(workers);
    const watched = watchWorkers('run');
    const heavy = askHeavy(server, 1);
    await until(() => server.begun().length === workers, 'it to have all workers');
    const cheap = Array.from({ length: 20 }, (_, i) => 100 + i);
    const replies = cheap.map((picture) => askCheap(server, picture));
    await until(() => server.pool.waiting === PIECES - workers + cheap.length, 'the cheap ones to wait');
    openHeavy(server, 1);
    for (const [i, reply] of (await Promise.all(replies)).entries()) expect(await answers(reply)).toEqual([i % 10]);
    expect(await resultOf(await heavy)).toMatchObject({ views: CROPS, predictions: [{ index: 1 }, {}, {}, {}, {}] });
    const given = await watched();
    for (const pieces of waitedFor(given, cheap, [1])) expect(pieces).toBeLessThanOrEqual(workers + 1);
    expect(given.filter((picture) => picture === 1)).toHaveLength(PIECES);
  });

  it.each([1, 2])('shares with another like it, and neither keeps cheap ones, on %i workers', async (workers) => {
    const server = await startZoo(workers);
    const pictures = [1, 2];
    const watched = watchWorkers('run');
    const first = askHeavy(server, 1);
    await until(() => server.begun().length === workers, 'the first to have all workers');
    const second = askHeavy(server, 2);
    // It waits for a worker that renders its views.
    const waiting = PIECES - workers + 1;
    await until(() => server.pool.waiting === waiting, 'the second to wait');
    const cheap = [100, 101, 102, 103, 104];
    const replies = cheap.map((picture) => askCheap(server, picture));
    await until(() => server.pool.waiting === waiting + cheap.length, 'the cheap ones to wait');
    for (const picture of pictures) openHeavy(server, picture);
    for (const reply of await Promise.all([first, second, ...replies])) expect(reply.status).toBe(200);
    const given = await watched();
    for (const pieces of waitedFor(given, cheap, pictures)) expect(pieces).toBeLessThanOrEqual(workers + 2);
    const heavy = given.filter((picture) => pictures.includes(picture));
    expect(heavy).toHaveLength(2 * PIECES);
    // The first had a start; from then on they take turns.
    const [from, to] = [heavy.indexOf(2), heavy.lastIndexOf(1)];
    for (const [i, picture] of heavy.slice(from, to - 2 * workers).entries()) {
      const next = heavy.slice(from + i + 1, from + i + 2 + 2 * workers);
      expect(next.some((other) => other !== picture)).toBe(true);
    }
  });

  it('finishes though cheap ones never cease', async () => {
    const server = await startZoo(1);
    const heavy = askHeavy(server, 1);
    await until(() => server.begun().length === 1, 'it to begin');
    let [going, sent] = [true, 0];
    const clients = Array.from({ length: 4 }, async () => {
      // With turns for everyone it would be done after five cheap ones, or a few more, for each of its pieces.
      while (going && sent < 20 * PIECES) expect((await askCheap(server, 1000 + sent++)).status).toBe(200);
    });
    await until(() => server.pool.waiting === PIECES - 1 + clients.length, 'the cheap ones to wait');
    openHeavy(server, 1);
    const reply = await heavy;
    going = false;
    await Promise.all(clients);
    expect(reply.status).toBe(200);
    const begun = server.begun();
    const cheapBefore = begun.lastIndexOf(1) + 1 - PIECES;
    expect(cheapBefore).toBeLessThan(10 * PIECES);
  });
});

describe('a request with many pictures', () => {
  const many = [1, 2, 3, 4, 5, 6, 7, 8];
  const single = [100, 101, 102, 103, 104];

  /**
   * Sends one request with many pictures and then single ones; `waiting` says that all wait that must, and `go` lets them.
   */
  async function compete(
    server: TestServer,
    waiting: (sent: number) => boolean | Promise<boolean>,
    go: () => void,
  ): Promise<number[]> {
    const { url } = server;
    const pictures = await Promise.all(many.map((picture) => instructPng('hold', picture)));
    const group = fetch(`${url}/classify?model=m`, { method: 'POST', body: formOf(...pictures) });
    await until(() => waiting(many.length), 'the pictures to wait');
    const replies = single.map(async (picture) => postPicture(url, await instructPng('answer', picture)));
    await until(() => waiting(many.length + single.length), 'the single ones to wait');
    go();
    for (const reply of await Promise.all(replies)) expect(reply.status).toBe(200);
    expect(await answers(await group)).toEqual(many);
    return waitedFor(server.begun(), single, many);
  }

  const openAll = ({ weights }: TestServer) => {
    for (const picture of many) weights.m?.open(picture);
  };

  it('lets single ones that come later through', async () => {
    const server = await startServer();
    const waiting = (sent: number) => server.begun().length === 1 && server.pool.waiting === sent - 1;
    const pieces = await compete(server, waiting, () => openAll(server));
    // One is in the worker.
    expect(Math.max(...pieces)).toBeLessThanOrEqual(1 + 1);
  });

  it('lets single ones through where its pictures are rendered first, too', async () => {
    const server = await startServer({ models: { m: {}, cheap: {} }, manifests: { m: CROPPED } });
    const { url, weights, pool } = server;
    const running = postPicture(url, await instructPng('hold', 50), { query: 'model=cheap' });
    await weights.cheap?.untilBegun(50);
    const watched = watchWorkers('render', 'run');
    const pictures = await Promise.all(many.map((picture) => instructPng('answer', picture)));
    const group = fetch(`${url}/classify?model=m&crops=10`, { method: 'POST', body: formOf(...pictures) });
    await until(() => pool.waiting === many.length, 'the pictures to wait');
    const replies = single.map((picture) => askCheap(server, picture));
    await until(() => pool.waiting === many.length + single.length, 'the single ones to wait');
    weights.cheap?.open(50);
    for (const reply of await Promise.all([running, ...replies])) expect(reply.status).toBe(200);
    expect(await answers(await group)).toEqual(many);
    const given = await watched();
    expect(given.filter((picture) => many.includes(picture))).toHaveLength(many.length * (1 + CROPS));
    expect(Math.max(...waitedFor(given, single, many))).toBeLessThanOrEqual(1 + 1);
  });
});
