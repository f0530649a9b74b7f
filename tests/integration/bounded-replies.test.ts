import { expect, it } from 'vitest';
import { exchange } from '../support/http-client.js';
import { FORM, form, image, part, post, raw } from '../support/raw-requests.js';
import { startServer } from '../support/server.js';

const LONG = 'x'.repeat(12_000);
const get = (target: string, headers = '') => [Buffer.from(`GET ${target} HTTP/1.1\r\nhost: x\r\n${headers}\r\n`)];
const names = Array.from({ length: 3200 }, (_, i) => `${i.toString(36)}=`).join('&');

const REQUESTS: [string, Uint8Array[]][] = [
  ['thousands of unknown parameters', raw('x', 'image/png', names)],
  ['a parameter with a long name', raw('x', 'image/png', LONG)],
  ['a parameter that comes thousands of times', raw('x', 'image/png', 'seed=&'.repeat(2000))],
  [
    'a long value of each parameter',
    raw(
      'x',
      'image/png',
      ['model', 'tta', 'crops', 'seed', 'average'].map((name) => `${name}=${LONG.slice(10_000)}`).join('&'),
    ),
  ],
  ['a long list of models', post(`/ensemble?models=${'m,'.repeat(499)}`, { 'content-type': 'image/png' }, 'x')],
  ['a long list of models to compare', get(`/models/compare?ids=${'m,'.repeat(1000)}`)],
  ['a long name of a model', get(`/models/${LONG}`)],
  ['a long address', get(`/${LONG}`)],
  ['a long address that cannot be read', get(`/models/${LONG}%zz`)],
  ['a long address of the documentation', get(`/docs/static/${LONG}`)],
  ['a long Accept header', get('/models/m/summary', `accept: ${LONG}\r\n`)],
  ['a long request id', get('/nothing', `x-request-id: ${LONG}\r\n`)],
  ['a long type', raw('x', `image/png; ${LONG}`)],
  ['a long type that is not taken', raw('x', `text/${LONG}`)],
  ['a long boundary', raw('x', `${FORM}${LONG}`)],
  ['a long name of a file', form(image('x'), part(`name="image"; filename="${LONG}"`, 'x'))],
  ['a long name of a field', form(part(`name="${LONG}"; filename="a"`, 'x'))],
  ['a long name of a text field', form(part(`name="${LONG}"`, 'x', 'text/plain'))],
  ['a long text', form(part('name="image"', LONG, 'text/plain'))],
  ['a long key', post('/models/m/load', { authorization: `Bearer ${LONG}` })],
];

const { port, logged } = await startServer();

it.each(REQUESTS)('no reply, header or line of the log grows with what is sent: %s', async (_what, request) => {
  const before = logged.length;
  const { status, headers, body } = await exchange(port, ...request);
  expect(status).toBeGreaterThanOrEqual(200);
  expect(body.length).toBeLessThan(3000);
  for (const value of headers.values()) expect(value.length).toBeLessThan(500);
  for (const line of logged.slice(before)) expect(line.length).toBeLessThan(3000);
});

it('of many faults the first few are named, and the others counted', async () => {
  const { body } = await exchange(port, ...raw('x', 'image/png', names));
  expect((JSON.parse(body) as { detail: string }).detail).toMatch(
    /^there is no parameter "0"; (.*; ){4}and 3195 more\.$/,
  );
});
