import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { openSocket, postPicture, readReply } from '../support/http-client.js';
import { post, raw } from '../support/raw-requests.js';
import { startServer } from '../support/server.js';
import { instructPng, until } from '../support/worker-script.js';

const MIB = 1024 * 1024;
const MEMORY = { maxBytes: 8 * MIB, uploadMemory: 16 * MIB };

/** The head of an upload that declares so many bytes. */
const headOf = (bytes: number) =>
  post('/classify?model=m', { 'content-type': 'image/png', 'content-length': bytes })[0] as Uint8Array;

/** Begins an upload and leaves it there. */
async function stall(port: number, declared: number, sent: number): Promise<Socket> {
  const socket = await openSocket(port);
  socket.write(headOf(declared));
  socket.write(Buffer.alloc(sent, 1));
  return socket;
}

it('stalled uploads of one address leave room for its small ones, and for large ones of others', async () => {
  const { port, url, budget } = await startServer(MEMORY);
  const sockets: Socket[] = [];
  // More than there is, were it not for the share of an address.
  for (let i = 0; i < 12; i++) sockets.push(await stall(port, 8 * MIB, 2 * MIB));
  await until(() => budget.used > 5 * MIB, 'the uploads to arrive');
  expect(budget.used).toBeLessThanOrEqual(8 * MIB);
  const png = await instructPng('answer', 4);
  for (let i = 0; i < 5; i++) expect((await postPicture(url, png)).status).toBe(200);

  const other = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
  onTestFinished(() => void other.destroy());
  await once(other, 'connect');
  const reply = readReply(other);
  // No picture any more, but read whole.
  for (const bytes of raw(Buffer.alloc(4 * MIB))) other.write(bytes);
  expect((await reply).status).toBe(415);
  for (const socket of sockets) socket.destroy();
  await until(() => budget.used === 0, 'the memory to be given back');
});

it('an upload that brings next to nothing is ended before its time is over', async () => {
  const { port, budget } = await startServer({ ...MEMORY, uploadTimeoutMs: 6000 });
  const stalled = await stall(port, MIB, 10_000);
  const dripping = await stall(port, MIB, 10_000);
  const drip = setInterval(() => dripping.write('x'), 50);
  onTestFinished(() => clearInterval(drip));
  for (const socket of [stalled, dripping]) {
    const { status, body } = await readReply(socket);
    expect([status, JSON.parse(body)]).toEqual([
      408,
      expect.objectContaining({ code: 'upload_timeout', detail: expect.stringContaining('too slowly') }),
    ]);
  }
  expect(budget.used).toBe(0);
});

it('an upload that is slow but steady is read to its end', async () => {
  const { port } = await startServer({ ...MEMORY, uploadTimeoutMs: 6000 });
  const png = await instructPng('answer', 4);
  const body = Buffer.concat([png, Buffer.alloc(8_000)]);
  const socket = await openSocket(port);
  const reply = readReply(socket);
  socket.write(headOf(body.length));
  for (let at = 0; at < body.length; at += 500) {
    socket.write(body.subarray(at, at + 500));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect((await reply).status).toBe(200);
});
