import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import Fastify from 'fastify';
import { describe, expect, onTestFinished, test } from 'vitest';
import { abortWhenGone } from '../../../src/http/exchange/client-gone.js';
import { sendEvents, serverSentEvents } from '../../../src/http/exchange/server-sent-events.js';
import { openSocket } from '../../support/http-client.js';
import { until } from '../../support/worker-script.js';

async function* numbers(count: number): AsyncGenerator<{ n: number }> {
  for (let n = 0; n < count; n++) yield { n };
}

const textOf = async (events: AsyncIterable<unknown>) => {
  let text = '';
  for await (const part of events) text += part;
  return text;
};

describe('server-sent events', () => {
  test('are the values as JSON, and end with them', async () => {
    expect(await textOf(serverSentEvents(numbers(3)))).toBe('data: {"n":0}\n\ndata: {"n":1}\n\ndata: {"n":2}\n\n');
    expect(await textOf(serverSentEvents(numbers(0)))).toBe('');
  });

  test('are joined by comments while nothing comes', async () => {
    async function* slow() {
      yield { n: 0 };
      await sleep(200);
      yield { n: 1 };
    }
    const text = await textOf(serverSentEvents(slow(), 20));
    expect(text.replaceAll(': still here\n\n', '')).toBe('data: {"n":0}\n\ndata: {"n":1}\n\n');
    expect(text.split(': still here\n\n').length).toBeGreaterThan(2);
  });

  test('are taken only as fast as they are read', async () => {
    let taken = 0;
    async function* many() {
      for (; ; taken++) yield { taken };
    }
    const events = serverSentEvents(many());
    events.read();
    await sleep(50);
    expect(taken).toBeLessThan(5);
    events.destroy();
  });

  test('end with an error if their values do, also while nobody reads', async () => {
    async function* failing() {
      yield { n: 0 };
      await sleep(30);
      throw new Error('lost');
    }
    await expect(textOf(serverSentEvents(failing()))).rejects.toThrow('lost');
    const unread = serverSentEvents(failing(), 5);
    unread.on('error', () => {});
    unread.read();
    // A promise that fails unheard would end the process of the test.
    await sleep(100);
    unread.destroy();
  });

  test('let their values go when the client has left', async () => {
    let let_go = 0;
    const server = Fastify();
    onTestFinished(() => server.close());
    server.get('/', (request, reply) => {
      const signal = abortWhenGone(request, reply);
      async function* values() {
        try {
          yield { n: 0 };
          while (!signal.aborted)
            await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        } finally {
          let_go++;
        }
      }
      return sendEvents(reply, serverSentEvents(values()));
    });
    await server.listen({ port: 0, host: '127.0.0.1' });
    const { port } = server.server.address() as AddressInfo;
    for (const method of ['GET', 'HEAD']) {
      const before = let_go;
      const socket = await openSocket(port);
      socket.write(`${method} / HTTP/1.1\r\nhost: x\r\n\r\n`);
      const [head] = (await once(socket, 'data')) as [Buffer];
      expect(head.toString()).toMatch(/^HTTP\/1.1 200.*content-type: text\/event-stream.*cache-control: no-store/s);
      socket.destroy();
      await until(() => let_go > before, `the values to be let go after ${method}`);
    }
  });
});
