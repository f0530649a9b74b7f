import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { answers, codeOf, formOf, metric, openSocket, postPicture, resultOf } from '../support/http-client.js';
import { raw } from '../support/raw-requests.js';
import { ADMIN_KEY, CROPPED, startServer, type TestServer } from '../support/server.js';
import { instructPng, until } from '../support/worker-script.js';

const source = ({ url }: TestServer, name: 'computed' | 'shared' | 'cached') =>
  metric(url, 'menagerie_answers_total', { source: name });
const executions = ({ url }: TestServer) => metric(url, 'menagerie_executions_total');
const ask = async ({ url }: TestServer, picture: number, query = 'model=m') =>
  postPicture(url, await instructPng('answer', picture), { query });

describe('the same picture asked for several times at once', () => {
  it('is computed once, and everyone has the answer', async () => {
    const server = await startServer({ workers: 2 });
    const { url, weights, toDecode, admission } = server;
    const png = await instructPng('hold', 6);
    const first = postPicture(url, png);
    await weights.m?.untilBegun(6);
    const others = Array.from({ length: 7 }, () => postPicture(url, png));
    await until(() => admission.pending === 8, 'all of them to be taken');
    weights.m?.open(6);
    expect((await Promise.all((await Promise.all([first, ...others])).map(answers))).flat()).toEqual(Array(8).fill(6));
    expect([toDecode(), weights.m?.begun]).toEqual([1, [6]]);
    expect([await executions(server), await source(server, 'computed'), await source(server, 'shared')]).toEqual([
      1, 1, 7,
    ]);
    expect(await metric(url, 'menagerie_images_total', { outcome: 'ok' })).toBe(8);
    // Stages are timed where they took place.
    expect(await metric(url, 'menagerie_inference_duration_seconds_count')).toBe(1);
    expect(await metric(url, 'menagerie_pending_gmacs')).toBe(0);
  });

  it('is computed once within a request too', async () => {
    const server = await startServer();
    const [one, two] = [await instructPng('answer', 1), await instructPng('answer', 2)];
    const reply = await fetch(`${server.url}/classify?model=m`, { method: 'POST', body: formOf(one, two, one, one) });
    expect(await answers(reply)).toEqual([1, 2, 1, 1]);
    expect([server.toDecode(), await executions(server)]).toEqual([2, 2]);
  });

  it('is computed again when the answer has been given and nothing is kept', async () => {
    const server = await startServer();
    for (let i = 0; i < 3; i++) expect(await answers(await ask(server, 6))).toEqual([6]);
    expect([await executions(server), await source(server, 'computed')]).toEqual([3, 3]);
    expect(await metric(server.url, 'menagerie_cache_bytes')).toBe(0);
  });

  it('goes on for the others when the one that began it leaves', async () => {
    const { url, port, weights, toDecode, admission, pool } = await startServer();
    const blocker = postPicture(url, await instructPng('hold', 1));
    await weights.m?.untilBegun(1);
    const png = await instructPng('answer', 6);
    const socket = await openSocket(port);
    for (const bytes of raw(png)) socket.write(bytes);
    await until(() => pool.waiting === 1, 'the picture to wait');
    const others = [postPicture(url, png), postPicture(url, png)];
    await until(() => admission.pending === 4, 'the others to be taken');
    socket.destroy();
    await once(socket, 'close');
    await until(() => admission.pending === 3, 'the first to be gone');
    weights.m?.open(1);
    await blocker;
    expect((await Promise.all((await Promise.all(others)).map(answers))).flat()).toEqual([6, 6]);
    expect([toDecode(), weights.m?.begun]).toEqual([2, [1, 6]]);
  });

  it('ends for the one whose deadline is over, and for no one else', async () => {
    const { url, weights, admission, pool } = await startServer();
    const blocker = postPicture(url, await instructPng('hold', 1));
    await weights.m?.untilBegun(1);
    const png = await instructPng('answer', 6);
    const patient = postPicture(url, png);
    await until(() => pool.waiting === 1, 'the picture to wait');
    const hasty = await postPicture(url, png, { query: 'model=m&timeout_ms=200' });
    expect(await codeOf(hasty)).toBe('deadline_exceeded');
    expect([admission.pending, pool.waiting]).toEqual([2, 1]);
    weights.m?.open(1);
    await blocker;
    expect(await answers(await patient)).toEqual([6]);
  });

  it('is never begun when all have left, and is begun anew for who comes then', async () => {
    const { url, port, weights, pool, admission } = await startServer();
    const blocker = postPicture(url, await instructPng('hold', 1));
    await weights.m?.untilBegun(1);
    const sockets = await Promise.all([openSocket(port), openSocket(port)]);
    const png = await instructPng('answer', 6);
    for (const socket of sockets) for (const bytes of raw(png)) socket.write(bytes);
    await until(() => pool.waiting === 1 && admission.pending === 3, 'both to be taken');
    for (const socket of sockets) socket.destroy();
    await until(() => pool.waiting === 0, 'the picture to be given up');
    weights.m?.open(1);
    await blocker;
    expect(weights.m?.begun).toEqual([1]);
    expect(await answers(await postPicture(url, png))).toEqual([6]);
    expect(weights.m?.begun).toEqual([1, 6]);
  });

  it('has everyone told of its error, which is not remembered', async () => {
    const server = await startServer({ cache: 1_000_000 });
    const { url, weights, admission } = server;
    const blocker = postPicture(url, await instructPng('hold', 1));
    await weights.m?.untilBegun(1);
    const png = await instructPng('fail', 6);
    const all = Array.from({ length: 3 }, () => postPicture(url, png));
    await until(() => admission.pending === 4, 'all to be taken');
    weights.m?.open(1);
    await blocker;
    for (const reply of await Promise.all(all)) expect([reply.status, await codeOf(reply)]).toEqual([500, 'internal']);
    expect(weights.m?.begun).toEqual([1, 6]);
    expect((await postPicture(url, png)).status).toBe(500);
    expect(weights.m?.begun).toEqual([1, 6, 6]);
    expect(await metric(url, 'menagerie_images_total', { outcome: 'internal' })).toBe(4);
  });
});

describe('requests for the same picture', () => {
  const same: [string, string][] = [
    ['model=m', 'model=m&top_k=2'],
    ['model=m', 'model=m&min_score=0.5'],
    ['model=m', 'model=m&timeout_ms=15000'],
    ['model=m', 'model=m&crops=1&seed=0&average=probabilities&auto_orient=true'],
    ['model=m', ''],
    ['model=m&tta=mirror,crops:2', 'model=m&tta=crops:2,mirror'],
  ];
  const different: [string, string][] = [
    ['model=m', 'model=m&crops=5'],
    ['model=m', 'model=m&tta=mirror'],
    ['model=m&tta=crops:2', 'model=m&tta=crops:2&seed=1'],
    ['model=m', 'model=m&average=logits'],
    ['model=m', 'model=m&auto_orient=false'],
    ['model=m', 'model=n'],
  ];
  it.each([
    ...same.map(([a, b]) => [a, b, 'share', 1] as const),
    ...different.map(([a, b]) => [a, b, 'do not share', 2] as const),
  ])('with "%s" and "%s" %s a computation', async (a, b, _what, computations) => {
    const server = await startServer({
      models: { m: {}, n: {} },
      manifests: { m: CROPPED, n: CROPPED },
      defaultModel: 'm',
    });
    const { url, weights, admission, toDecode } = server;
    const blocker = postPicture(url, await instructPng('hold', 1));
    await weights.m?.untilBegun(1);
    const both = [ask(server, 6, a), ask(server, 6, b)];
    await until(() => admission.pending === 3, 'both to be taken');
    weights.m?.open(1);
    await blocker;
    expect((await Promise.all((await Promise.all(both)).map(answers))).flat()).toEqual([6, 6]);
    expect([toDecode() - 1, await source(server, 'computed')]).toEqual([computations, computations + 1]);
  });

  it('share it for as many classes as each wants to see', async () => {
    const server = await startServer({ cache: 1_000_000 });
    const [one, three] = [await ask(server, 6, 'model=m&top_k=1'), await ask(server, 6, 'model=m&top_k=3')];
    expect((await resultOf(one)).predictions).toHaveLength(1);
    expect((await resultOf(three)).predictions).toHaveLength(3);
    expect(await executions(server)).toBe(1);
  });

  it.each([
    ['of other weights', 'models=m,n', 'models=m,n&weights=1,2', 2],
    ['that combine otherwise', 'models=m,n', 'models=m,n&combine=vote', 2],
    ['of other members', 'models=m,n', 'models=m,o', 2],
    ['that are the same', 'models=m,n', 'models=m,n&weights=1,1&combine=probabilities', 1],
  ])('share by ensembles %s or not', async (_what, a, b, computations) => {
    const server = await startServer({ models: { m: {}, n: {}, o: {} }, cache: 1_000_000 });
    for (const query of [a, b]) {
      const reply = await postPicture(server.url, await instructPng('answer', 6), { path: '/ensemble', query });
      expect(await answers(reply)).toEqual([6]);
    }
    expect([server.toDecode(), await source(server, 'cached')]).toEqual([computations, 2 - computations]);
  });
});

describe('the cache', () => {
  it('answers a repeated request as before, without computing anything', async () => {
    const server = await startServer({ cache: 1_000_000 });
    const first = await resultOf(await ask(server, 6));
    for (let i = 0; i < 3; i++) expect(await resultOf(await ask(server, 6))).toEqual(first);
    expect([server.toDecode(), await executions(server)]).toEqual([1, 1]);
    expect([await source(server, 'computed'), await source(server, 'cached')]).toEqual([1, 3]);
    expect(await metric(server.url, 'menagerie_cache_bytes')).toBe(server.answers.bytes);
    expect(server.answers.bytes).toBeGreaterThan(0);
  });

  it('takes no more bytes than it may: what was used longest ago goes', async () => {
    const roomy = await startServer({ cache: 1_000_000 });
    await ask(roomy, 1);
    const one = roomy.answers.bytes;
    const cache = Math.floor(2.5 * one);
    const server = await startServer({ cache });
    for (const picture of [1, 2, 1, 3]) {
      await ask(server, picture);
      expect(server.answers.bytes).toBeLessThanOrEqual(cache);
    }
    expect(await metric(server.url, 'menagerie_cache_bytes')).toBe(2 * one);
    expect(server.weights.m?.begun).toEqual([1, 2, 3]);
    // 2 had to go, 1 and 3 are there.
    for (const picture of [1, 3]) expect(await answers(await ask(server, picture))).toEqual([picture]);
    expect(server.weights.m?.begun).toEqual([1, 2, 3]);
    expect(await answers(await ask(server, 2))).toEqual([2]);
    expect(server.weights.m?.begun).toEqual([1, 2, 3, 2]);
    expect(server.answers.bytes).toBe(2 * one);
  });

  it('keeps nothing that is larger than itself', async () => {
    const server = await startServer({ cache: 100 });
    for (let i = 0; i < 2; i++) expect(await answers(await ask(server, 6))).toEqual([6]);
    expect([server.answers.bytes, await executions(server)]).toEqual([0, 2]);
  });

  it('never answers for other weights', async () => {
    const server = await startServer({ models: { m: {}, n: {} }, cache: 1_000_000 });
    const pair = async () =>
      answers(
        await postPicture(server.url, await instructPng('answer', 2), {
          path: '/ensemble',
          query: 'models=m,n&weights=2,1',
        }),
      );
    const reload = async (offset: number) => {
      server.weights.m?.script({ offset });
      const headers = { authorization: `Bearer ${ADMIN_KEY}` };
      const reply = await fetch(`${server.url}/models/m/load`, { method: 'POST', headers });
      expect(reply.status).toBe(200);
    };
    expect([await answers(await ask(server, 2)), await pair()]).toEqual([[2], [2]]);
    await reload(3);
    for (let i = 0; i < 2; i++) expect([await answers(await ask(server, 2)), await pair()]).toEqual([[5], [5]]);
    // Nor the old ones, which are back, out of turn.
    await reload(0);
    expect([await answers(await ask(server, 2)), await pair()]).toEqual([[2], [2]]);
    // The other model's answers have nothing to do with it.
    for (const round of [1, 2]) {
      await ask(server, 4, 'model=n');
      await reload(round);
    }
    expect(server.weights.n?.begun.filter((picture) => picture === 4)).toHaveLength(1);
  });

  it('keeps no answer that lacks a member', async () => {
    const server = await startServer({ models: { a: {}, b: {} }, load: ['a'], cache: 1_000_000 });
    const both = async () =>
      postPicture(server.url, await instructPng('answer', 2), {
        path: '/ensemble',
        query: 'models=a,b&min_members=1',
      });
    expect((await resultOf(await both())).missing).toHaveLength(1);
    expect(server.answers.bytes).toBe(0);
    await server.registry.load('b');
    expect(await resultOf(await both())).not.toHaveProperty('missing');
    await both();
    expect([server.weights.a?.begun, server.weights.b?.begun]).toEqual([[2, 2], [2]]);
  });
});
