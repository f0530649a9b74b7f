import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ClassifyReply, metric, openSocket, postPicture, readReply } from '../support/http-client.js';
import { serve } from '../support/process.js';
import { raw } from '../support/raw-requests.js';
import { until } from '../support/worker-script.js';

const seven = await readFile(new URL('../../models/golden/digit-7.png', import.meta.url));
const bytes = new Uint8Array(seven);

/** Waits until the server reads the one upload. */
const untilUploading = (url: string) =>
  until(async () => (await metric(url, 'menagerie_classify_requests_total')) === 1, 'the upload to begin');

describe('SIGTERM', () => {
  it('finishes what was accepted, closes the connections and exits with 0', async () => {
    const server = await serve();
    const [head, body] = raw(seven, 'image/png', 'model=lenet5') as [Uint8Array, Uint8Array];
    // An upload that is half-way when the signal comes, on a connection that would be kept alive.
    const uploading = await openSocket(server.port);
    uploading.write(head);
    uploading.write(body.subarray(0, 100));
    // Connections on which nothing is asked: never used, used before, and with half of a request's head.
    const silent = await openSocket(server.port);
    const idle = await openSocket(server.port);
    idle.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n');
    await readReply(idle);
    const hesitant = await openSocket(server.port);
    hesitant.write('GET /livez HTTP/1.1\r\nho');
    await untilUploading(server.url);

    server.child.kill('SIGTERM');
    await until(() => server.out().includes('"stopping"'), 'it to begin stopping');
    const reply = readReply(uploading);
    uploading.write(body.subarray(100));
    const { status, headers, body: answer } = await reply;
    expect(status).toBe(200);
    expect((JSON.parse(answer) as ClassifyReply).results[0]?.predictions?.[0]?.index).toBe(7);
    expect(headers.get('connection')).toBe('close');
    const { status: exit, out } = await server.ended;
    expect(exit).toBe(0);
    expect(out).toContain('"stopped"');
    for (const socket of [silent, idle, hesitant])
      expect(socket.destroyed || socket.readableEnded || !socket.readable).toBe(true);
  });

  it('says so on /readyz at once, and serves on during the delay', async () => {
    const server = await serve({ MENAGERIE_DRAIN_DELAY_MS: '1500' });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const get = async (path: string) => {
      const request = httpRequest(`${server.url}${path}`, { agent });
      request.end();
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      return { status: response.statusCode, connection: response.headers.connection, body: await text(response) };
    };
    expect(await get('/readyz')).toMatchObject({ status: 200, connection: 'keep-alive' });
    server.child.kill('SIGTERM');
    await until(() => server.out().includes('"stopping"'), 'it to begin stopping');
    expect(await get('/readyz')).toMatchObject({
      status: 503,
      connection: 'close',
      body: expect.stringContaining('stopping'),
    });
    expect(await get('/livez')).toMatchObject({ status: 200, connection: 'close' });
    const classified = await postPicture(server.url, bytes, { query: 'model=lenet5' });
    expect(classified.status).toBe(200);
    expect(classified.headers.get('connection')).toBe('close');
    await classified.text();
    expect((await server.ended).status).toBe(0);
  });

  it('answers everything that was accepted under load', async () => {
    const server = await serve();
    let refused = 0;
    const statuses: number[] = [];
    const client = async () => {
      for (;;) {
        try {
          const response = await postPicture(server.url, bytes, { query: 'model=lenet5' });
          await response.text();
          statuses.push(response.status);
        } catch {
          // Nobody listens any more.
          refused++;
          return;
        }
      }
    };
    const clients = Promise.all(Array.from({ length: 8 }, client));
    await until(() => statuses.length > 50, 'some answers');
    server.child.kill('SIGTERM');
    await clients;
    const { status, out } = await server.ended;
    expect(status).toBe(0);
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(refused).toBe(8);
    // Every request that the server counted was answered: the log has no abandoned one.
    expect(out).not.toContain('"status":499');
  });

  it('waits no longer than the drain timeout for an upload that never ends', async () => {
    const server = await serve({ MENAGERIE_DRAIN_TIMEOUT_MS: '300' });
    const endless = await openSocket(server.port);
    endless.write((raw(seven, 'image/png', 'model=lenet5') as [Uint8Array])[0]);
    await untilUploading(server.url);
    server.child.kill('SIGTERM');
    const { status, out } = await server.ended;
    expect(status).toBe(1);
    expect(out).toContain('before all accepted requests were finished');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('exits at once when it comes a second time (%s)', async (signal) => {
    const server = await serve({ MENAGERIE_DRAIN_DELAY_MS: '60000' });
    server.child.kill(signal);
    await until(() => server.out().includes('"stopping"'), 'it to begin stopping');
    server.child.kill(signal);
    // Killed, since an exit would wait for what runs natively.
    expect((await server.ended).status).toBe('SIGKILL');
  });
});
