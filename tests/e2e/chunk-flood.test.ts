import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { expect, it } from 'vitest';
import { metric, openSocket, postPicture, readReply, sendThenRead } from '../support/http-client.js';
import { serve } from '../support/process.js';
import { FORM, part, post, raw } from '../support/raw-requests.js';
import { until } from '../support/worker-script.js';

const MIB = 1024 * 1024;
const CONNECTIONS = 6;
const seven = new Uint8Array(await readFile(new URL('../../models/golden/digit-7.png', import.meta.url)));
const CHUNKED = { 'content-type': 'image/png', 'transfer-encoding': 'chunked' };

/** Memory of a process that is not of files, in bytes. */
async function memoryOf(pid: number | undefined): Promise<number> {
  const [, kib] = /^RssAnon:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) * 1024;
}

/** Bytes of a body in chunks of one byte. */
function inOneByteChunks(bytes: Uint8Array): Buffer {
  const chunks = Buffer.alloc(6 * bytes.length, '1\r\n \r\n');
  for (const [i, byte] of bytes.entries()) chunks[6 * i + 3] = byte;
  return chunks;
}

const nothing = Buffer.alloc(2 * MIB);
const [partHead = Buffer.alloc(0)] = [part('name="image"; filename="a.png"', '').subarray(0, -2)];

/** Floods that never end by themselves, as the bytes of a connection. */
const FLOODS: [string, Uint8Array[]][] = [
  ['a body', [...post('/classify?model=lenet5', CHUNKED).slice(0, 1), inOneByteChunks(nothing)]],
  [
    'a form',
    [
      ...post('/classify?model=lenet5', { ...CHUNKED, 'content-type': FORM }).slice(0, 1),
      inOneByteChunks(Buffer.concat([partHead, nothing])),
    ],
  ],
];

it.skipIf(platform() !== 'linux').each(FLOODS)(
  'uploads in chunks of one byte take no more memory than is counted, and hold up nobody: %s',
  async (_what, request) => {
    const server = await serve({ MENAGERIE_MODELS: 'lenet5' });
    for (let i = 0; i < 20; i++)
      await (await postPicture(server.url, seven, { query: `model=lenet5&seed=${i}` })).text();
    const before = await memoryOf(server.child.pid);
    const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => openSocket(server.port)));
    let sent = 0;
    for (const socket of sockets) {
      socket.resume();
      void (async () => {
        for (const bytes of request)
          if (!socket.write(bytes)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
        sent++;
      })().catch(() => sent++);
    }
    const statuses = new Set<number>();
    let most = 0;
    do {
      const good = await postPicture(server.url, seven, { query: `model=lenet5&seed=${statuses.size}` });
      statuses.add(good.status);
      await good.text();
      expect((await fetch(`${server.url}/livez`)).status).toBe(200);
      const counted = await metric(server.url, 'menagerie_upload_bytes');
      most = Math.max(most, (await memoryOf(server.child.pid)) - before - counted);
    } while (sent < CONNECTIONS);
    expect(statuses).toEqual(new Set([200]));
    // What the process takes besides, garbage among it: objects for every byte took 350 times what was sent.
    expect(most).toBeLessThan(150 * MIB);
    for (const socket of sockets) socket.destroy();
    await until(async () => (await metric(server.url, 'menagerie_upload_bytes')) === 0, 'the memory to be given back');
  },
  120_000,
);

it('a picture in chunks or segments of one byte is answered; far too many such chunks are refused', async () => {
  const server = await serve({ MENAGERIE_MODELS: 'lenet5' });
  const [head] = post('/classify?model=lenet5', CHUNKED) as [Uint8Array];
  const end = Buffer.from('0\r\n\r\n');
  const socket = await openSocket(server.port);
  const chunked = readReply(socket);
  socket.write(Buffer.concat([head, inOneByteChunks(seven), end]));
  expect((await chunked).status).toBe(200);

  const segments = readReply(socket);
  socket.setNoDelay(true);
  for (const byte of Buffer.concat(raw(seven, 'image/png', 'model=lenet5&seed=1'))) {
    socket.write(Uint8Array.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect((await segments).status).toBe(200);

  const flood = inOneByteChunks(Buffer.alloc(20_000));
  expect(
    await sendThenRead(
      server.port,
      Buffer.from(String(head).replace('host: x', 'host: x\r\nconnection: close')),
      flood,
      end,
    ),
  ).toMatch(/^HTTP\/1\.1 400 .*"malformed_body".*small chunks/s);
});
