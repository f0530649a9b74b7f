import { once } from 'node:events';
import { expect, it } from 'vitest';
import { metric, openSocket } from '../support/http-client.js';
import { raw } from '../support/raw-requests.js';
import { startServer } from '../support/server.js';
import { instructPng, until } from '../support/worker-script.js';

/** A server whose pictures wait, and a connection on which several were sent at once. */
async function start() {
  const server = await startServer();
  const socket = await openSocket(server.port);
  const png = await instructPng('hold', 3);
  socket.write(Buffer.concat([1, 2, 3].flatMap((seed) => raw(png, 'image/png', `model=m&seed=${seed}`))));
  await until(async () => (await metric(server.url, 'menagerie_http_requests_in_flight')) === 4, 'all to be there');
  const open = () => server.weights.m?.open(3);
  return { ...server, socket, open };
}

it('requests that wait behind another on their connection are forgotten with it', async () => {
  const { socket, url, open, admission, budget } = await start();
  socket.resetAndDestroy();
  await until(async () => (await metric(url, 'menagerie_http_requests_in_flight')) === 1, 'them to be forgotten');
  expect(await metric(url, 'menagerie_errors_total', { code: 'client_closed_request' })).toBe(3);
  expect([admission.pending, budget.used]).toEqual([0, 0]);
  open();
});

it('a stopping server answers all that it has accepted on a connection', async () => {
  const { socket, app, open } = await start();
  let text = '';
  socket.on('data', (chunk) => {
    text += String(chunk);
  });
  socket.once('end', () => socket.end());
  app.startDraining();
  const closed = app.server.close();
  open();
  await Promise.all([closed, once(socket, 'close')]);
  expect(text.match(/HTTP\/1\.1 200/g)).toHaveLength(3);
  expect(text.toLowerCase().match(/connection: (close|keep-alive)/g)).toEqual([
    'connection: keep-alive',
    'connection: keep-alive',
    'connection: close',
  ]);
});
