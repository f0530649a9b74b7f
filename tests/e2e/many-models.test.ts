import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openSocket, readReply } from '../support/http-client.js';
import { manifestOf, temporaryFolder, writeTree } from '../support/model-folders.js';
import { serve } from '../support/process.js';

const FOLDERS = 10_000;
const LISTINGS = 4;

it('10,000 model folders, half of them faulty, do not keep /livez from answering while they are listed', async () => {
  const folder = await temporaryFolder();
  await writeTree(folder, { 'labels/two.txt': 'a\nb' });
  for (let i = 0; i < FOLDERS; i++) {
    const id = `m${i}`;
    await mkdir(join(folder, id));
    const manifest = i % 2 ? manifestOf(id, { labels: 'two' }) : { id };
    await writeFile(join(folder, id, 'manifest.json'), JSON.stringify(manifest));
  }
  const server = await serve({ MODEL_DIRS: folder });

  let listing = true;
  const began = performance.now();
  const lists = Promise.all(
    Array.from({ length: LISTINGS }, async () => {
      const response = await fetch(`${server.url}/models`);
      return ((await response.json()) as { models: { state: string }[] }).models;
    }),
  ).finally(() => {
    listing = false;
  });
  const socket = await openSocket(server.port);
  let longest = 0;
  while (listing) {
    const asked = performance.now();
    const reply = readReply(socket);
    socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n');
    expect((await reply).status).toBe(200);
    longest = Math.max(longest, performance.now() - asked);
  }
  const took = performance.now() - began;
  for (const models of await lists) {
    const count = (state: string) => models.filter((model) => model.state === state).length;
    expect([count('refused'), count('ready')]).toEqual([FOLDERS / 2, 1]);
    expect(models.length).toBeGreaterThan(FOLDERS);
  }
  // By this machine's own measure. It was most of the time that the lists took.
  expect(longest).toBeLessThan(took / 4);
});
