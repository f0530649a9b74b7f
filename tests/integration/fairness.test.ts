import { webcrypto } from 'node:crypto';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Lane } from '../../src/runtime/lane.js';
import { answers, formOf, postPicture, resultOf } from '../support/http-client.js';
import { instructPng, until } from '../support/lane-script.js';
import { CROPPED, startServer, type TestServer } from '../support/server.js';

// Start-time fair queuing: a newcomer's start is the virtual time, which is the start of what was served last. Of everyone
// else's work at most one piece can start as early as that and stand before it; the others follow by their own cost. So
// besides what already runs in the lanes, a newcomer waits for no more than one piece of each flow that is served at length.

const HEAVY = ['a', 'b', 'c'];
const CROPS = 10;
const PIECES = HEAVY.length * CROPS;

const startZoo = (lanes: number) =>
  startServer({
    models: { a: {}, b: {}, c: {}, cheap: {} },
    manifests: Object.fromEntries(HEAVY.map((id) => [id, CROPPED])),
    lanes,
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
 * The pictures that lanes are given from now on, in order. What lanes begin they note themselves, but on a busy machine a thread
 * may come to that long after it was given its work.
 */
function watchLanes(): number[] {
  const given: number[] = [];
  const run = Lane.prototype.run;
  const spy = vi.spyOn(Lane.prototype, 'run').mockImplementation(function (this: Lane, key, inputs, timeoutMs) {
    for (const input of inputs) {
      const [, high = 0, low = 0] = input.data;
      given.push(256 * high + low);
    }
    return run.call(this, key, inputs, timeoutMs);
  });
  onTestFinished(() => spy.mockRestore());
  return given;
}

/** For each of `pictures`, how many pieces of other pictures were begun before it. */
function waitedFor(begun: readonly number[], pictures: readonly number[], others: readonly number[]): number[] {
  return pictures.map((picture) => begun.slice(0, begun.indexOf(picture)).filter((one) => others.includes(one)).length);
}

/** Lets the hashing finish that began before: there is nothing else between being taken and waiting for a place. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await webcrypto.subtle.digest('SHA-256', new Uint8Array(1_000_000));
}

describe('a request with many crops for many networks', () => {
  it.each([1, 2, 3])('lets cheap ones that come later through, and finishes, on %i lanes', async (lanes) => {
    const server = await startZoo(lanes);
    const given = watchLanes();
    const heavy = askHeavy(server, 1);
    await until(() => server.begun().length === lanes, 'it to have all lanes');
    const cheap = Array.from({ length: 20 }, (_, i) => 100 + i);
    const replies = cheap.map((picture) => askCheap(server, picture));
    await until(() => server.pool.waiting === PIECES - lanes + cheap.length, 'the cheap ones to wait');
    openHeavy(server, 1);
    for (const [i, reply] of (await Promise.all(replies)).entries()) expect(await answers(reply)).toEqual([i % 10]);
    expect(await resultOf(await heavy)).toMatchObject({ views: CROPS, predictions: [{ index: 1 }, {}, {}, {}, {}] });
    for (const pieces of waitedFor(given, cheap, [1])) expect(pieces).toBeLessThanOrEqual(lanes + 1);
    expect(given.filter((picture) => picture === 1)).toHaveLength(PIECES);
  });

  it.each([1, 2])('shares with another like it, and neither keeps cheap ones, on %i lanes', async (lanes) => {
    const server = await startZoo(lanes);
    const pictures = [1, 2];
    const given = watchLanes();
    const first = askHeavy(server, 1);
    await until(() => server.begun().length === lanes, 'the first to have all lanes');
    const second = askHeavy(server, 2);
    await until(() => server.pool.waiting === 2 * PIECES - lanes, 'the second to wait');
    const cheap = [100, 101, 102, 103, 104];
    const replies = cheap.map((picture) => askCheap(server, picture));
    await until(() => server.pool.waiting === 2 * PIECES - lanes + cheap.length, 'the cheap ones to wait');
    for (const picture of pictures) openHeavy(server, picture);
    for (const reply of await Promise.all([first, second, ...replies])) expect(reply.status).toBe(200);
    for (const pieces of waitedFor(given, cheap, pictures)) expect(pieces).toBeLessThanOrEqual(lanes + 2);
    const heavy = given.filter((picture) => pictures.includes(picture));
    expect(heavy).toHaveLength(2 * PIECES);
    // The first had a start; from then on they take turns.
    const [from, to] = [heavy.indexOf(2), heavy.lastIndexOf(1)];
    for (const [i, picture] of heavy.slice(from, to - 2 * lanes).entries()) {
      const next = heavy.slice(from + i + 1, from + i + 2 + 2 * lanes);
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
    // One runs in the lane.
    expect(Math.max(...pieces)).toBeLessThanOrEqual(1 + 1);
  });

  it('lets single ones through where they wait to be read, too', async () => {
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const server = await startServer({ beforeReading: () => gate });
    openAll(server);
    const { admission, counts } = server;
    const waiting = async (sent: number) => {
      if (admission.pending !== sent || counts.reads !== 2) return false;
      await settle();
      return true;
    };
    const pieces = await compete(server, waiting, go);
    // Two are being read; later, in each of the two places one may be read faster than what took the other place before it. By
    // the order of arrival it would be all eight.
    expect(Math.max(...pieces)).toBeLessThanOrEqual(2 + 1 + 1);
  });
});
