import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { answers, codeOf, exchange, metric, openSocket, postPicture, readReply } from '../support/http-client.js';
import { FORM, image, part, post, raw } from '../support/raw-requests.js';
import { startServer } from '../support/server.js';
import { instructPng, until } from '../support/worker-script.js';

const MIB = 1024 * 1024;
const CHUNKED = { 'transfer-encoding': 'chunked' };
const json = (body: string) => JSON.parse(body) as Record<string, unknown>;

describe('HTTP', async () => {
  const { url, port } = await startServer();

  it('answers HEAD as GET without a body, and OPTIONS with the methods there are', async () => {
    for (const path of ['/livez', '/readyz', '/metrics', '/models', '/openapi.json']) {
      const [head, get] = await Promise.all([fetch(url + path, { method: 'HEAD' }), fetch(url + path)]);
      expect([path, head.status, head.headers.get('content-type')]).toEqual([
        path,
        200,
        get.headers.get('content-type'),
      ]);
      expect(await head.text()).toBe('');
    }
    const options = await fetch(`${url}/classify`, { method: 'OPTIONS' });
    expect([options.status, options.headers.get('allow')]).toEqual([405, 'POST, PUT']);
    expect(await codeOf(options)).toBe('method_not_allowed');
  });

  it('counts methods that nobody uses together', async () => {
    for (const method of ['PROPFIND', 'MKCOL', 'LOCK', 'SUBSCRIBE', 'PURGE']) {
      expect((await exchange(port, `${method} /livez HTTP/1.1\r\nhost: x\r\n\r\n`)).status).toBeGreaterThanOrEqual(400);
    }
    const counted = (method: string) => metric(url, 'menagerie_http_request_duration_seconds_count', { method });
    expect([await counted('other'), await counted('PROPFIND'), await counted('LOCK')]).toEqual([5, 0, 0]);
  });

  it('sends /, a page of documentation and a description that names the routes', async () => {
    const start = await fetch(url);
    expect([start.status, new URL(start.url).pathname]).toEqual([200, expect.stringMatching(/^\/docs/)]);
    const { openapi, paths } = (await (await fetch(`${url}/openapi.json`)).json()) as {
      openapi: string;
      paths: object;
    };
    expect(openapi).toBe('3.1.0');
    const served = ['/classify', '/livez', '/metrics', '/models', '/models/{id}', '/models/{id}/load', '/readyz'];
    expect(Object.keys(paths)).toEqual(expect.arrayContaining(served));
  });

  it('takes a request id that is harmless and replaces one that is not', async () => {
    const ask = (id: string) => exchange(port, `GET /nothing HTTP/1.1\r\nhost: x\r\nx-request-id: ${id}\r\n\r\n`);
    expect((await ask('job-17.a_b')).headers.get('x-request-id')).toBe('job-17.a_b');
    for (const hostile of ['a b', 'a"b', '<script>', 'a\tb', 'x'.repeat(65), 'é', '']) {
      const { headers, body } = await ask(hostile);
      expect(headers.get('x-request-id')).toMatch(/^r\d+-\d+$/);
      expect(json(body).request_id).toBe(headers.get('x-request-id'));
    }
    // A bare line feed ends a header for some parsers: it must not become a header of the reply.
    const injected = await ask('a\nset-cookie: evil=1');
    expect(injected.headers.has('set-cookie')).toBe(false);
  });

  it('takes raw bytes, forms and charset parameters alike', async () => {
    const png = await instructPng('answer', 6);
    expect(
      await answers(await postPicture(url, png, { headers: { 'content-type': 'application/octet-stream' } })),
    ).toEqual([6]);
    const reply = await exchange(port, ...raw(png, 'application/octet-stream; charset=binary'));
    expect(reply.status).toBe(200);
    expect(reply.headers.get('server-timing')).toMatch(
      /^decode;dur=[\d.]+, queue;.*, preprocess;.*, inference;.*, total;/,
    );
  });

  it('serves several requests on one connection, also after one with an unread body', async () => {
    const socket = await openSocket(port);
    const png = await instructPng('answer', 3);
    for (const [query, status] of [
      ['model=m', 200],
      ['model=nobody', 404],
      ['model=m', 200],
    ] as const) {
      const reply = readReply(socket);
      for (const bytes of raw(png, 'image/png', query)) socket.write(bytes);
      expect((await reply).status).toBe(status);
    }
  });
});

describe('an upload', async () => {
  const big = Buffer.alloc(8 * MIB, 1);
  const limited = await startServer({ maxBytes: MIB });
  it.each([
    ['as the body', raw(big)],
    ['as the body in chunks', raw(big, 'image/png', 'model=m', CHUNKED)],
    ['in a form', raw(image(big), FORM)],
    ['in a form in chunks', raw(image(big), FORM, 'model=m', CHUNKED)],
  ])('that is far too large is answered before it has been read, %s', async (_how, request) => {
    const { port, url, budget, toDecode } = limited;
    const refused = () => metric(url, 'menagerie_errors_total', { code: 'too_many_bytes' });
    const before = await refused();
    const reply = await exchange(port, ...request);
    expect([reply.status, json(reply.body).code]).toEqual([413, 'too_many_bytes']);
    expect(toDecode()).toBe(0);
    await until(() => budget.used === 0, 'the memory to be given back');
    expect(await refused()).toBe(before + 1);
  });

  const limits = { maxBytes: 300_000, maxImages: 1, uploadTimeoutMs: 5_000 };
  const roomy = await startServer({ ...limits, uploadMemory: MIB });
  const narrow = await startServer({ ...limits, uploadMemory: 100_000 });
  it.each([
    ['too large, in chunks', 413, raw(Buffer.alloc(400_000), 'image/png', 'model=m', CHUNKED)],
    ['more than the memory holds', 503, raw(Buffer.alloc(200_000))],
    ['too large, in a form', 413, raw(image(Buffer.alloc(400_000)), FORM)],
    ['one picture too many', 413, raw(Buffer.concat([image('a'), image(Buffer.alloc(400_000))]), FORM)],
    ['in the wrong field', 400, raw(part('name="photo"; filename="a"', Buffer.alloc(400_000)), FORM)],
    [
      'a field before the picture',
      400,
      raw(Buffer.concat([part('name="a"', 'b'), image(Buffer.alloc(400_000))]), FORM),
    ],
    ['no form', 400, raw(Buffer.alloc(400_000, 'x'), FORM)],
    ['for an unknown model', 404, raw(Buffer.alloc(400_000), 'image/png', 'model=nobody')],
  ])('that is refused leaves its connection usable: %s', async (_what, status, request) => {
    const { port } = status === 503 ? narrow : roomy;
    const socket = await openSocket(port);
    const refusal = readReply(socket);
    for (const bytes of request) socket.write(bytes);
    expect((await refusal).status).toBe(status);
    const next = readReply(socket);
    for (const bytes of raw(await instructPng('answer', 3))) socket.write(bytes);
    expect((await next).status).toBe(200);
  });

  it('that is declared too large is refused before it is sent', async () => {
    const { port } = limited;
    const [head] = post('/classify?model=m', { 'content-type': 'image/png', 'content-length': 2 * MIB });
    const reply = await exchange(port, head as Uint8Array);
    expect(json(reply.body).code).toBe('too_many_bytes');
  });

  it('that comes too slowly is answered with 408 and its connection closed', async () => {
    const { port, url, budget } = await startServer({ uploadTimeoutMs: 300 });
    const socket = await openSocket(port);
    const reply = readReply(socket);
    const [head, body] = raw(await instructPng('answer')) as [Uint8Array, Uint8Array];
    socket.write(head);
    socket.write(body.subarray(0, 30));
    const { status, headers, body: problem } = await reply;
    expect([status, json(problem).code, headers.get('connection')]).toEqual([408, 'upload_timeout', 'close']);
    if (!socket.readableEnded) await once(socket, 'end');
    // What comes too late is nobody's.
    socket.write(body.subarray(30));
    await until(async () => (await metric(url, 'menagerie_http_requests_in_flight')) === 1, 'the request to end');
    expect(budget.used).toBe(0);
  });

  it.each([
    ['as the body', 'image/png'],
    ['in a form', FORM],
  ])('that ends half-way is never classified and holds nothing, %s', async (_how, type) => {
    const { port, url, budget, toDecode, weights } = await startServer();
    const png = await instructPng('answer');
    const [head, body] = raw(type === FORM ? image(png) : png, type) as [Uint8Array, Uint8Array];
    // Once by closing the connection, once by closing only the sending half and waiting for the answer.
    const gone = await openSocket(port);
    gone.write(head);
    gone.write(body.subarray(0, 40));
    await until(async () => (await metric(url, 'menagerie_classify_requests_total')) === 1, 'the request to be read');
    gone.destroy();
    const half = await openSocket(port);
    const reply = readReply(half);
    half.write(head);
    half.end(body.subarray(0, 40));
    const { status, headers } = await reply;
    expect([status, headers.get('content-type')]).toEqual([400, 'application/problem+json']);
    await until(async () => (await metric(url, 'menagerie_http_requests_in_flight')) === 1, 'both to be forgotten');
    expect(await metric(url, 'menagerie_errors_total', { code: 'client_closed_request' })).toBe(2);
    expect(budget.used).toBe(0);
    expect(toDecode()).toBe(0);
    expect(weights.m?.begun).toEqual([]);
  });
});
