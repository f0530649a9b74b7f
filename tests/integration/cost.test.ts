import { describe, expect, it } from 'vitest';
import {
  answers,
  type ClassifyReply,
  codeOf,
  formOf,
  metric,
  openSocket,
  postPicture,
  readReply,
} from '../support/http-client.js';
import { post } from '../support/raw-requests.js';
import { CROPPED, type ServerOptions, startServer, type TestServer } from '../support/server.js';
import { instructPng, until } from '../support/worker-script.js';

// A picture costs 0.5 for reading it and 0.5 for every view of it by every network.

interface EstimateReply {
  model?: { id: string };
  ensemble?: { members: { id: string }[] };
  images: number;
  cost_gmacs: number;
  limit_gmacs: number;
  wait_ms: number;
  expected_ms: number;
}

const cropped = (...ids: string[]): ServerOptions => ({
  models: Object.fromEntries(ids.map((id) => [id, {}])),
  manifests: Object.fromEntries(ids.map((id) => [id, CROPPED])),
});

const post200 = async ({ url }: TestServer, query: string): Promise<EstimateReply> => {
  const reply = await fetch(`${url}/estimate?${query}`, { method: 'POST' });
  expect([query, reply.status]).toEqual([query, 200]);
  return (await reply.json()) as EstimateReply;
};

/** Sends the head of a request only: an answer to it cannot have waited for the body. */
async function replyToHead(port: number, target: string): Promise<{ status: number; code: string; detail: string }> {
  const [head] = post(target, { 'content-type': 'image/png', 'content-length': 500_000 });
  const socket = await openSocket(port);
  const reply = readReply(socket);
  socket.write(head as Uint8Array);
  const { status, body } = await reply;
  return { ...(JSON.parse(body) as { code: string; detail: string }), status };
}

const noGmacs = ({ url }: TestServer) => metric(url, 'menagerie_pending_gmacs');

describe('POST /estimate', async () => {
  const server = await startServer({ ...cropped('m', 'n', 'asleep'), load: ['m', 'n'], maxCost: 70 });

  it.each([
    ['model=m', 1, 1],
    ['model=m&crops=10', 1, 5.5],
    ['model=m&crops=10&images=4', 4, 22],
    ['model=m&crops=144', 1, 72.5],
    ['model=m&crops=5&tta=mirror', 1, 5.5],
    ['models=m,n', 1, 1.5],
    ['models=m,n&crops=10&images=2', 2, 21],
  ])('says what %s costs without being sent a picture', async (query, images, cost) => {
    const reply = await post200(server, query);
    expect(reply).toMatchObject({ images, limit_gmacs: 70, wait_ms: 0 });
    expect(reply.cost_gmacs).toBeCloseTo(cost, 9);
    expect(reply.expected_ms).toBeGreaterThan(0);
    expect([server.toDecode(), server.weights.m?.begun, server.admission.pending]).toEqual([0, [], 0]);
  });

  it('names who would answer', async () => {
    expect((await post200(server, 'model=m')).model?.id).toBe('m');
    expect((await post200(server, 'models=m,n')).ensemble?.members.map(({ id }) => id)).toEqual(['m', 'n']);
  });

  it('expects more of a request that is more expensive, or that comes when there is more to do', async () => {
    const server = await startServer(cropped('m', 'n'));
    const [one, ten] = [await post200(server, 'model=m'), await post200(server, 'model=m&crops=10')];
    expect(ten.expected_ms).toBeGreaterThan(one.expected_ms);
    const running = postPicture(server.url, await instructPng('hold', 1));
    await server.weights.m?.untilBegun(1);
    const later = await post200(server, 'model=m');
    expect(later.wait_ms).toBeGreaterThan(0);
    expect(later.expected_ms).toBeCloseTo(later.wait_ms + one.expected_ms, 6);
    server.weights.m?.open(1);
    await running;
    expect((await post200(server, 'model=m')).wait_ms).toBe(0);
  });

  it('spreads the views of a picture over the workers', async () => {
    const [one, two] = [await startServer(cropped('m')), await startServer({ ...cropped('m'), workers: 2 })];
    const expected = async (server: TestServer) => (await post200(server, 'model=m&crops=144')).expected_ms;
    expect(await expected(two)).toBeLessThan(await expected(one));
  });

  it.each([
    ['an unknown model', 'model=nobody', 404, 'unknown_model'],
    ['a model that is not loaded', 'model=asleep', 409, 'model_not_loaded'],
    ['both a model and models', 'model=m&models=m,n', 400, 'invalid_request'],
    ['weights for one model', 'model=m&weights=1', 400, 'invalid_request'],
    ['one model as an ensemble', 'models=m', 400, 'invalid_request'],
    ['crops that there are not', 'model=m&crops=7', 400, 'invalid_request'],
    ['augmentation that there is not', 'model=m&tta=flip', 400, 'invalid_request'],
    ['more views than a picture may have', 'model=m&crops=144&tta=mirror,rotate:5', 400, 'invalid_request'],
    ['no pictures', 'model=m&images=0', 400, 'invalid_request'],
  ])('refuses %s', async (_what, query, status, code) => {
    const reply = await fetch(`${server.url}/estimate?${query}`, { method: 'POST' });
    expect([reply.status, await codeOf(reply)]).toEqual([status, code]);
  });
});

describe('a request that costs too much', () => {
  it('is refused with its cost before its body is read', async () => {
    const server = await startServer({ ...cropped('m', 'n'), maxCost: 10 });
    const expensive = await replyToHead(server.port, '/classify?model=m&crops=144');
    expect([expensive.status, expensive.code]).toEqual([422, 'too_expensive']);
    expect(expensive.detail).toMatch(/costs 73 GMAC .*limit is 10\b/);
    const members = await replyToHead(server.port, '/ensemble?models=m,n&crops=10');
    expect(members.detail).toMatch(/costs 11 GMAC .*limit is 10\b/);
    expect([server.toDecode(), server.budget.used, server.admission.pending]).toEqual([0, 0, 0]);
    expect(await answers(await postPicture(server.url, await instructPng('answer', 2)))).toEqual([2]);
  });

  it('may cost exactly the limit', async () => {
    const server = await startServer({ ...cropped('m'), maxCost: 5.5 });
    const query = 'model=m&crops=10';
    expect((await postPicture(server.url, await instructPng('answer', 2), { query })).status).toBe(200);
  });

  it('because of the number of its pictures is refused when they are there', async () => {
    const server = await startServer({ maxCost: 2 });
    const pictures = await Promise.all([1, 2, 3].map((picture) => instructPng('answer', picture)));
    const send = (number: number) =>
      fetch(`${server.url}/classify?model=m`, { method: 'POST', body: formOf(...pictures.slice(0, number)) });
    const reply = await send(3);
    expect([reply.status, await codeOf(reply)]).toEqual([422, 'too_expensive']);
    expect([server.toDecode(), server.budget.used]).toEqual([0, 0]);
    expect((await send(2)).status).toBe(200);
  });

  it('is taken if it may be asked at all and nothing else is there, however small the queue', async () => {
    const server = await startServer({ ...cropped('m'), queue: 2 });
    const query = 'model=m&crops=10';
    expect((await postPicture(server.url, await instructPng('answer', 2), { query })).status).toBe(200);
  });
});

describe('crops that a network cannot take', () => {
  it('is refused before the body is read, and by /estimate too', async () => {
    // The scripted network sees the whole picture.
    const { url, port, toDecode } = await startServer();
    const refused = await replyToHead(port, '/classify?model=m&crops=10');
    expect([refused.status, refused.code]).toEqual([400, 'invalid_request']);
    expect(refused.detail).toMatch(/crops=1/);
    const estimate = await fetch(`${url}/estimate?model=m&crops=10`, { method: 'POST' });
    expect([estimate.status, toDecode()]).toEqual([400, 0]);
  });
});

describe('a picture that takes much to decode', () => {
  const costOf = (gmacs: number, bytes: number): ServerOptions => ({
    costOfDecoding: () => ({ width: 4000, height: 3000, gmacs, bytes, known: true }),
  });

  it('costs what its header says, and no less than an ordinary one', async () => {
    const expensive = await startServer(costOf(6, 1000));
    const cheap = await startServer(costOf(0.001, 1000));
    const png = await instructPng('hold', 1);
    const replies = [expensive, cheap].map(({ url }) => postPicture(url, png));
    for (const { weights } of [expensive, cheap]) await weights.m?.untilBegun(1);
    expect([await noGmacs(expensive), await noGmacs(cheap)]).toEqual([6.5, 1]);
    for (const { weights } of [expensive, cheap]) weights.m?.open(1);
    expect((await Promise.all(replies)).map(({ status }) => status)).toEqual([200, 200]);
    expect(await noGmacs(expensive)).toBe(0);
  });

  it('fails alone where others came with it, and takes no room in the queue', async () => {
    const large = await instructPng('answer', 1, 64);
    const small = await instructPng('answer', 2);
    const { url, admission } = await startServer({
      costOfDecoding: ({ length }) => {
        return { width: 4000, height: 3000, gmacs: length === large.length ? 1e6 : 0.1, bytes: 1000, known: true };
      },
    });
    const reply = await fetch(`${url}/classify?model=m`, { method: 'POST', body: formOf(small, large, small) });
    expect([reply.status, await answers(reply)]).toEqual([200, [2, 'too_expensive', 2]]);
    expect(admission.pendingGmacs).toBe(0);
  });

  it('is refused where it costs more than a request may', async () => {
    const server = await startServer({ ...costOf(6, 1000), maxCost: 6 });
    const reply = await postPicture(server.url, await instructPng('answer', 1));
    expect([reply.status, await codeOf(reply), server.toDecode()]).toEqual([422, 'too_expensive', 0]);
  });

  it('is refused where it needs more memory than a worker has for it, and no other of its request', async () => {
    const huge = await instructPng('answer', 1);
    const server = await startServer({
      costOfDecoding: ({ length }) => {
        const bytes = length === huge.length + 1 ? 2 ** 40 : 1000;
        return { width: 4000, height: 3000, gmacs: 1, bytes, known: true };
      },
    });
    const longer = Buffer.concat([huge, Buffer.alloc(1)]);
    const reply = await postPicture(server.url, longer);
    expect(reply.status).toBe(422);
    expect(await reply.json()).toMatchObject({
      code: 'memory_exceeded',
      detail: expect.stringMatching(/4000 x 3000 pixels needs about 1048576 MB, may use 1024 MB/),
    });
    expect(server.toDecode()).toBe(0);
    const body = formOf(longer, await instructPng('answer', 2));
    const both = await fetch(`${server.url}/classify?model=m`, { method: 'POST', body });
    const { results } = (await both.json()) as ClassifyReply;
    expect(results.map(({ predictions, error }) => predictions?.[0]?.index ?? error?.code)).toEqual([
      'memory_exceeded',
      2,
    ]);
    expect(await noGmacs(server)).toBe(0);
  });
});

describe('the queue', () => {
  it('is filled by cost: ten views take the room of the single ones that cost as much', async () => {
    const server = await startServer({ ...cropped('m'), queue: 6.5 });
    const { url, weights, admission } = server;
    const expensive = postPicture(url, await instructPng('hold', 1), { query: 'model=m&crops=10' });
    await weights.m?.untilBegun(1);
    expect([admission.pending, admission.pendingGmacs]).toEqual([1, 5.5]);
    const single = async (picture: number) => postPicture(url, await instructPng('hold', picture));
    const fits = single(2);
    await until(() => admission.pending === 2, 'the single one to be taken');
    expect(await noGmacs(server)).toBe(6.5);
    const refused = await replyToHead(server.port, '/classify?model=m');
    expect(refused).toMatchObject({ status: 503, code: 'overloaded' });
    expect(refused.detail).toMatch(/^Work of 6\.5 GMAC .* costs 1\.0; there is room for 6\.5\.$/);
    for (const picture of [1, 2]) weights.m?.open(picture);
    expect((await Promise.all([expensive, fits])).map(({ status }) => status)).toEqual([200, 200]);

    const singles = [3, 4, 5, 6, 7].map(single);
    await until(() => admission.pending === 5, 'the single ones to be taken');
    expect(await replyToHead(server.port, '/classify?model=m&crops=10')).toMatchObject({ code: 'overloaded' });
    for (const picture of [3, 4, 5, 6, 7]) weights.m?.open(picture);
    expect((await Promise.all(singles)).map(({ status }) => status)).toEqual(Array(5).fill(200));
    expect(await noGmacs(server)).toBe(0);
  });

  it('gives room back picture by picture', async () => {
    const server = await startServer({ queue: 3, workers: 3 });
    const { url, weights, admission } = server;
    const pictures = await Promise.all([1, 2, 3].map((picture) => instructPng('hold', picture)));
    const three = fetch(`${url}/classify?model=m`, { method: 'POST', body: formOf(...pictures) });
    await weights.m?.untilBegun(1, 2, 3);
    expect(await replyToHead(server.port, '/classify?model=m')).toMatchObject({ code: 'overloaded' });
    weights.m?.open(1);
    await until(() => admission.pending === 2, 'the first to be answered');
    expect(admission.pendingGmacs).toBeCloseTo(2);
    const another = postPicture(url, await instructPng('answer', 4));
    for (const picture of [2, 3]) weights.m?.open(picture);
    expect([(await another).status, (await three).status]).toEqual([200, 200]);
    expect([admission.pending, await noGmacs(server)]).toEqual([0, 0]);
  });

  it('holds nothing any more after failures, deadlines and clients that left', async () => {
    const server = await startServer(cropped('m'));
    const { url, weights, pool } = server;
    const send = async (picture: Promise<Buffer<ArrayBuffer>>, query: string, signal?: AbortSignal) =>
      postPicture(url, await picture, { query, ...(signal ? { signal } : {}) });
    expect((await send(instructPng('fail'), 'model=m&crops=5')).status).toBe(500);
    expect((await send(instructPng('exit', 1), 'model=m&crops=5')).status).toBe(503);
    const running = send(instructPng('hold', 2), 'model=m');
    await weights.m?.untilBegun(2);
    const late = send(instructPng('answer', 3), 'model=m&crops=5&timeout_ms=300');
    const abort = new AbortController();
    const gone = send(instructPng('answer', 4), 'model=m&crops=5', abort.signal);
    await until(() => pool.waiting >= 2, 'both to wait');
    abort.abort();
    await expect(gone).rejects.toThrow();
    expect((await late).status).toBe(504);
    weights.m?.open(2);
    expect((await running).status).toBe(200);
    await until(async () => (await noGmacs(server)) === 0, 'the room to be given back');
    expect(await metric(url, 'menagerie_images_pending')).toBe(0);
    expect(weights.m?.begun).not.toContain(4);
  });
});

describe('a deadline', () => {
  it('that is over before a request would begin has it refused at once, to come again', async () => {
    const server = await startServer();
    const { url, port, weights, toDecode } = server;
    const running = postPicture(url, await instructPng('hold', 1));
    await weights.m?.untilBegun(1);
    // What runs is expected to take some 9 ms.
    const refused = await replyToHead(port, '/classify?model=m&timeout_ms=1');
    expect([refused.status, refused.code]).toEqual([503, 'overloaded']);
    expect(refused.detail).toMatch(/would wait about \d+ ms; its deadline is 1 ms/);
    const reply = await postPicture(url, await instructPng('answer', 2), { query: 'model=m&timeout_ms=1' });
    expect(reply.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(toDecode()).toBe(1);
    weights.m?.open(1);
    await running;
    expect(await noGmacs(server)).toBe(0);
  });
});
