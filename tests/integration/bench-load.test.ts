import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ClassifyRequest } from '../../src/cli/bench/requests.js';
import { shoot } from '../../src/cli/bench/shoot.js';
import { LoadTarget } from '../../src/cli/bench/target.js';

const request = (body: string): ClassifyRequest => ({
  file: `${body}.png`,
  body: Buffer.from(body),
  headers: { 'content-type': `image/${body}` },
});
const never = new AbortController().signal;

/** What `menagerie bench` loads, if it is to be something else than menagerie. */
async function target(answer: (request: IncomingMessage, reply: ServerResponse) => void): Promise<LoadTarget> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return new LoadTarget(new URL(`http://127.0.0.1:${port}/behind/`), 'a/b', 5000);
}

describe('a load', () => {
  it('asks a new question each time, and shows the pictures in turn', async () => {
    const asked: string[] = [];
    const shown = new Map<string, number>();
    const to = await target(async (got, reply) => {
      const body = await text(got);
      asked.push(got.url ?? '');
      expect(got.headers['content-type']).toBe(`image/${body}`);
      shown.set(body, (shown.get(body) ?? 0) + 1);
      reply.end('{}');
    });
    const shot = await shoot(to, [request('a'), request('b')], { connections: 4, seconds: 1 }, never);
    expect(shot.failures).toEqual(new Map());
    // Those on their way at the end were asked, and their answers not seen.
    expect(asked.length - shot.images).toBeLessThanOrEqual(4);
    expect(shot.images).toBeGreaterThan(4);
    expect(new Set(asked).size).toBe(asked.length);
    for (const url of asked) expect(url).toMatch(/^\/behind\/classify\?model=a%2Fb&seed=\d+$/);
    expect(Math.abs((shown.get('a') ?? 0) - (shown.get('b') ?? 0))).toBeLessThanOrEqual(4);
    const { p50 = 0, p90 = 0, p99 = 0 } = shot.latencyMs ?? {};
    expect([p50, p90, p99]).toEqual([p50, p90, p99].sort((a, b) => a - b));
    expect(p50).toBeGreaterThan(0);
  });

  it('counts what fails, and how', async () => {
    let n = 0;
    const to = await target((_got, reply) => {
      const turn = n++ % 3;
      if (turn === 0) reply.end('{}');
      else if (turn === 1) reply.writeHead(503).end('{}');
      else reply.socket?.end();
    });
    const shot = await shoot(to, [request('a')], { connections: 2, seconds: 1 }, never);
    expect([...shot.failures.keys()].sort()).toEqual(['connection closed', 'status 503']);
    for (const times of shot.failures.values()) expect(Math.abs(times - shot.images)).toBeLessThanOrEqual(6);
  });

  it('ends when nobody listens any more', async () => {
    const to = new LoadTarget(new URL('http://127.0.0.1:1'), 'a', 5000);
    const { images, latencyMs, failures } = await shoot(to, [request('a')], { connections: 2, seconds: 3600 }, never);
    expect([images, latencyMs]).toEqual([0, undefined]);
    expect([...failures.keys()]).toEqual([expect.stringContaining('ECONNREFUSED')]);
  });

  it('ends when it is aborted', async () => {
    const abort = new AbortController();
    const to = await target(() => abort.abort(new Error('enough')));
    const load = { connections: 2, seconds: 3600 };
    await expect(shoot(to, [request('a')], load, abort.signal)).rejects.toThrow('enough');
    await expect(shoot(to, [request('a')], load, abort.signal)).rejects.toThrow('enough');
  });
});

describe('one question', () => {
  const model = { id: 'a', variant: 'int8', provider: 'cpu', version: '1' };

  it('is answered with the model', async () => {
    const to = await target((_got, reply) => reply.end(JSON.stringify({ results: [], model })));
    expect(await to.ask(request('a'), never)).toEqual({ variant: 'int8', provider: 'cpu' });
  });

  it('that is refused has the error of the server', async () => {
    const problem = { code: 'corrupt_image', detail: 'The picture ends early.' };
    const to = await target((_got, reply) => reply.writeHead(422).end(JSON.stringify(problem)));
    await expect(to.ask(request('a'), never)).rejects.toMatchObject({
      code: 'corrupt_image',
      message: 'a.png: the server answers: The picture ends early.',
    });
  });

  it.each([
    [200, 'hello'],
    [200, '{"model": null}'],
    [302, ''],
    [418, '{"code": "teapot", "detail": "short and stout"}'],
  ])('to another server (status %i, %s) is an error', async (status, body) => {
    const to = await target((_got, reply) => reply.writeHead(status, { location: '/' }).end(body));
    await expect(to.ask(request('a'), never)).rejects.toMatchObject({
      code: 'server_failed',
      message: expect.stringContaining(`status ${status}, and not as menagerie does`),
    });
  });
});
