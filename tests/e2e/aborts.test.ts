import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { breakRequests, LOADED } from '../../scripts/torture/broken-requests.mjs';
import { createRandom } from '../../src/core/random.js';
import { answers, postPicture, sumMetric } from '../support/http-client.js';
import { serve } from '../support/process.js';
import { until } from '../support/worker-script.js';

const CONNECTIONS = 2000;
const airplane = new Uint8Array(await readFile(new URL('../../models/golden/airplane.png', import.meta.url)));

/** What the server says it still has to do or holds; the look itself is the one request. */
const AT_REST = {
  http_requests_in_flight: 1,
  images_pending: 0,
  pending_gmacs: 0,
  queue_length: 0,
  workers_busy: 0,
  upload_bytes: 0,
};

it('clients that leave at any moment of a request end nothing and leave nothing behind', {
  timeout: 240_000,
}, async () => {
  const server = await serve({ MENAGERIE_MODELS: LOADED.join(','), MENAGERIE_WORKERS: '2' });
  const random = createRandom(14);
  const goOn = () => server.child.exitCode === null && server.child.signalCode === null;
  const done = await breakRequests({ port: server.port, random, count: CONNECTIONS, goOn });
  expect([server.child.exitCode, server.child.signalCode, server.err()]).toEqual([
    null,
    null,
    expect.not.stringMatching(/unhandled|rejection|\bat .*:\d+:\d+/i),
  ]);
  expect(done.total()).toBe(CONNECTIONS);
  expect(done.get('stuck')).toBe(0);

  let seen = {};
  await until(async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    seen = Object.fromEntries(Object.keys(AT_REST).map((name) => [name, sumMetric(text, `menagerie_${name}`)]));
    return Object.entries(AT_REST).every(([name, value]) => sumMetric(text, `menagerie_${name}`) === value);
  }, 'the server to be at rest').catch(() => {});
  expect(seen).toEqual(AT_REST);
  for (const model of ['cifar10-resnet20', 'cifar10-nin', 'cifar10-all']) {
    expect(await answers(await postPicture(server.url, airplane, { query: `model=${model}` }))).toEqual([0]);
  }
  expect(
    server
      .out()
      .split('\n')
      .filter((line) => /"level":"(error|fatal)"|"code":"internal"/.test(line)),
  ).toEqual([]);
  server.child.kill('SIGTERM');
  expect((await server.ended).status).toBe(0);
});
