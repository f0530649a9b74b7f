import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { exchange, metric, openSocket, readReply, sendThenRead } from '../support/http-client.js';
import { FORM, image, post, raw } from '../support/raw-requests.js';
import { startServer } from '../support/server.js';
import { instructPng, until } from '../support/worker-script.js';

const MIB = 1024 * 1024;
const body = Buffer.alloc(6 * MIB, 1);
/** 40 MiB of zeros, and bytes that do not compress. */
const gzipBomb = gzipSync(Buffer.concat([Buffer.alloc(40 * MIB), randomBytes(3 * MIB)]));
const json = `{"image": "${Buffer.alloc(3 * MIB, 1).toString('base64')}"}`;
const attachment = Buffer.concat([Buffer.from('--a-boundary\r\ncontent-disposition: attachment\r\n\r\n'), body]);
const CLOSE = { connection: 'close' };
const TIMES = 20;

/** Statuses of all replies on a connection. */
const statuses = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));

const png = 'image/png';
const REFUSALS: [string, number, Uint8Array[]][] = [
  ['an unknown parameter', 400, raw(body, png, 'model=m&x=1', CLOSE)],
  ['too large a form', 413, raw(body, FORM, 'model=m', CLOSE)],
  ['no form', 400, raw(body, FORM, 'model=m', { 'transfer-encoding': 'chunked', ...CLOSE })],
  ['an unknown model', 404, raw(body, png, 'model=nobody', CLOSE)],
  ['an unknown address', 404, post('/nothing', { 'content-type': png, ...CLOSE }, body)],
  ['a wrong method', 405, post('/livez', { 'content-type': png, ...CLOSE }, body)],
  ['a model that is not loaded', 409, raw(body, png, 'model=asleep', CLOSE)],
  ['too many bytes', 413, raw(body, png, 'model=m', CLOSE)],
  ['too many bytes in chunks', 413, raw(body, png, 'model=m', { 'transfer-encoding': 'chunked', ...CLOSE })],
  ['too many bytes in a form', 413, raw(image(body), FORM, 'model=m', CLOSE)],
  ['an unknown encoding', 415, raw(body, png, 'model=m', { 'content-encoding': 'zstd', ...CLOSE })],
  ['a broken encoding', 400, raw(gzipBomb, png, 'model=m', { 'content-encoding': 'br', ...CLOSE })],
  ['too many bytes when decoded', 413, raw(gzipBomb, png, 'model=m', { 'content-encoding': 'gzip', ...CLOSE })],
  ['too large a picture in JSON', 413, raw(json, 'application/json', 'model=m', CLOSE)],
  ['a part that is no field', 400, raw(attachment, FORM, 'model=m', { 'transfer-encoding': 'chunked', ...CLOSE })],
  ['an expectation', 417, raw(body, png, 'model=m', { expect: 'tea', ...CLOSE })],
  ['a transfer encoding', 501, raw(body, png, 'model=m', { 'transfer-encoding': 'gzip, chunked', ...CLOSE })],
  ['what is no HTTP', 400, [Buffer.from('hello\r\n\r\n'), body]],
  ['headers that are too large', 400, [Buffer.from(`GET / HTTP/1.1\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`), body]],
];

describe('a client that sends everything before it reads', async () => {
  const { port } = await startServer({ models: { m: {}, asleep: {} }, load: ['m'], maxBytes: MIB, maxImages: 1 });

  it.each(REFUSALS)('sees why it is refused: %s', async (_what, status, request) => {
    const seen: unknown[] = [];
    for (let i = 0; i < TIMES; i++) {
      const text = await sendThenRead(port, ...request);
      seen.push(statuses(text)[0] ?? text);
    }
    expect(seen).toEqual(Array(TIMES).fill(status));
  });

  it('sees that there is no room', async () => {
    const { port } = await startServer({ maxBytes: 8 * MIB, uploadMemory: MIB });
    const seen: unknown[] = [];
    for (let i = 0; i < TIMES; i++) {
      const text = await sendThenRead(port, ...raw(body, png, 'model=m', CLOSE));
      seen.push(statuses(text)[0] ?? text);
    }
    expect(seen).toEqual(Array(TIMES).fill(503));
  });

  it('is answered by a server that stops', async () => {
    for (let i = 0; i < 3; i++) {
      const { port, url, app } = await startServer({ maxBytes: MIB, maxImages: 1 });
      // Connections that send most of a request only when the server is stopping.
      const [head, bytes] = raw(body, png, 'model=nobody') as [Uint8Array, Uint8Array];
      const sockets = await Promise.all(Array.from({ length: 10 }, () => openSocket(port)));
      for (const socket of sockets) socket.write(head.subarray(0, 20));
      await until(async () => (await metric(url, 'menagerie_http_requests_in_flight')) === 1, 'all to be open');
      app.startDraining();
      const replies = sockets.map(async (socket) => {
        await new Promise((resolve) => socket.write(Buffer.concat([head.subarray(20), bytes]), resolve));
        const { status, headers } = await readReply(socket);
        socket.end();
        return [status, headers.get('connection')];
      });
      expect(await Promise.all(replies)).toEqual(Array(10).fill([404, 'close']));
      await app.server.close();
    }
  });
});

describe('what is left of a refused body', () => {
  it('is read away, and the next request on the connection is answered', async () => {
    const { port } = await startServer({ maxBytes: MIB, maxImages: 1 });
    const good = raw(await instructPng('answer', 3), png, 'model=m', CLOSE);
    for (const refused of [raw(body, png, 'model=nobody'), raw(image(body), FORM)]) {
      expect(statuses(await sendThenRead(port, ...refused, ...good))).toEqual([expect.any(Number), 200]);
    }
  });

  it('is not read beyond a limit, which the reply says where the body declares more', async () => {
    const { port, url } = await startServer({ maxBytes: MIB, maxImages: 1 });
    const declared = { 'content-type': png, 'content-length': 100 * MIB };
    const [head] = post('/classify?model=nobody', declared) as [Uint8Array];
    expect((await exchange(port, head)).headers.get('connection')).toBe('close');

    const endless = await openSocket(port);
    const reply = readReply(endless);
    endless.write('POST /classify?model=nobody HTTP/1.1\r\nhost: x\r\ncontent-type: image/png\r\n');
    endless.write('transfer-encoding: chunked\r\n\r\n');
    expect((await reply).status).toBe(404);
    const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(MIB), Buffer.from('\r\n')]);
    let written = 0;
    const closed = new Promise<void>((resolve) => endless.once('close', () => resolve()));
    const write = () => {
      if (endless.destroyed || written > 200 * MIB) return;
      written += MIB;
      endless.write(chunk, write);
    };
    write();

    await closed;
    expect(written).toBeLessThan(100 * MIB);
    await until(async () => (await metric(url, 'menagerie_http_requests_in_flight')) === 1, 'it to be forgotten');
  });
});
