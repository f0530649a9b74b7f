import { expect, it } from 'vitest';
import { postPicture } from '../support/http-client.js';
import { startServer } from '../support/server.js';
import { instructPng, until } from '../support/worker-script.js';

it('the line of a request that was refused says with which code and why', async () => {
  const { url, weights, logged, admission } = await startServer({ queue: 1 });
  const lines = () => logged.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'request');
  const held = postPicture(url, await instructPng('hold', 1));
  await weights.m?.untilBegun(1);
  expect(admission.pending).toBe(1);
  expect((await postPicture(url, await instructPng('answer', 2))).status).toBe(503);
  expect((await fetch(`${url}/nowhere`)).status).toBe(404);
  weights.m?.open(1);
  expect((await held).status).toBe(200);
  await until(() => lines().length === 3, 'three lines');
  expect(lines()).toMatchObject([
    { status: 503, code: 'overloaded', reason: expect.stringMatching(/^Work of 1.0 GMAC waits/) },
    { status: 404, code: 'not_found', reason: 'There is nothing at /nowhere.' },
    { status: 200 },
  ]);
  expect(lines()[2]).not.toHaveProperty('code');
});
