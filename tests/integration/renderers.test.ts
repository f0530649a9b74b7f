import { describe, expect, it } from 'vitest';
import { answers, codeOf, metric, postPicture } from '../support/http-client.js';
import { startServer, type TestServer } from '../support/server.js';
import { instructPng, until } from '../support/worker-script.js';

// As beside a GPU: one worker holds the networks and runs batches of views, the others decode and render for it.

/** Whether a worker does pictures of the only model whole: small ones, and those that take long. */
function takesWhole({ pool, registry }: TestServer): boolean[] {
  const key = registry.serving[0]?.key ?? '';
  return [pool.takesWhole(key, false), pool.takesWhole(key, true)];
}

describe('workers that only render', () => {
  it('leave running to the one that holds the network, which takes batches', async () => {
    const server = await startServer({ models: { m: { batch: 4 } }, renderers: 2 });
    const { url, pool, weights } = server;
    expect(takesWhole(server)).toEqual([false, false]);
    const running = postPicture(url, await instructPng('hold', 100));
    await weights.m?.untilBegun(100);
    const pictures = Array.from({ length: 8 }, (_, i) => i);
    const replies = pictures.map(async (picture) => postPicture(url, await instructPng('answer', picture)));
    await until(() => pool.waiting === 8, 'all to be rendered and to wait');
    weights.m?.open(100);
    expect((await running).status).toBe(200);
    expect(await Promise.all(replies.map(async (reply) => (await answers(await reply))[0]))).toEqual(pictures);
    // The worker that runs decodes nothing.
    expect(weights.m?.log).not.toContain('decoded');
    expect(weights.m?.log.filter((line) => line.startsWith('batch'))).toEqual(['batch of 4', 'batch of 4']);
    expect(await metric(url, 'menagerie_batch_size_sum')).toBe(9);
  });

  it('say what is wrong with a picture', async () => {
    const { url } = await startServer({ renderers: 1 });
    const reply = await postPicture(url, new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3]));
    expect([reply.status, await codeOf(reply)]).toEqual([422, 'corrupt_image']);
  });
});

describe('where pictures that take long to decode are kept from one of two workers', () => {
  const heavy = { width: 3000, height: 3000, gmacs: 1, bytes: 1, known: true };

  it('the other does them whole, or renders them for the one that holds the network', async () => {
    const server = await startServer({ models: { m: {} }, workers: 2, instances: 1, costOfDecoding: () => heavy });
    // The network is in the worker that is kept for small pictures.
    expect(takesWhole(server)).toEqual([true, false]);
    const replies = await Promise.all(
      [1, 2, 3].map(async (i) => postPicture(server.url, await instructPng('answer', i))),
    );
    expect(await Promise.all(replies.map(async (reply) => (await answers(reply))[0]))).toEqual([1, 2, 3]);
    expect(server.weights.m?.log).not.toContain('decoded');
  });

  it('small ones are answered while the others wait', async () => {
    // As the pictures are alike, what tells them apart is the number of their bytes.
    const large = await instructPng('hold', 1, 64);
    const costOfDecoding = ({ length }: { length: number }) => (length === large.length ? heavy : undefined);
    const server = await startServer({ models: { m: {} }, workers: 2, costOfDecoding });
    const held = [1, 2, 3].map((seed) => postPicture(server.url, large, { query: `model=m&seed=${seed}` }));
    await server.weights.m?.untilBegun(1);
    for (const picture of [2, 3, 4, 5]) {
      expect(await answers(await postPicture(server.url, await instructPng('answer', picture)))).toEqual([picture]);
    }
    expect(server.weights.m?.begun.filter((picture) => picture === 1)).toEqual([1]);
    server.weights.m?.open(1);
    for (const reply of held) expect((await reply).status).toBe(200);
  });
});
