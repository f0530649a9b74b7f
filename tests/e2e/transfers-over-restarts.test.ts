import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openRepository } from '../../src/zoo/open-repository.js';
import { type ClassifyReply, postPicture } from '../support/http-client.js';
import { temporaryFolder } from '../support/model-folders.js';
import { serve } from '../support/process.js';
import {
  ADMIN,
  drawn,
  eventsOf,
  KEY,
  leftovers,
  reportOfTraining,
  startTraining,
  type Training,
  train,
  untilOver,
  writeSet,
} from '../support/trainings.js';
import { until } from '../support/worker-script.js';

// Servers that end while they train, each a process of its own, over one data directory.

const BASE = 'cifar10-resnet20';

async function dataFolder(pictures = 8): Promise<{ data: string; env: Record<string, string> }> {
  const data = await temporaryFolder();
  await writeSet(join(data, 'set'), { red: pictures, green: pictures });
  const env = {
    MENAGERIE_DATA_DIR: data,
    MENAGERIE_ADMIN_KEY: KEY,
    MENAGERIE_MODELS: BASE,
    MENAGERIE_WORKERS: '1',
  };
  return { data, env };
}

async function answer(url: string, model = 'mine'): Promise<string | undefined> {
  const reply = await postPicture(url, await drawn('red', 4321), { query: `model=${model}` });
  return ((await reply.json()) as ClassifyReply).results?.[0]?.predictions?.[0]?.label;
}

test('SIGTERM in the middle: it ends with 0, nothing is half written, and the next server finishes from the cache', async () => {
  const { data, env } = await dataFolder(100);
  const server = await serve(env);
  const { id } = (await (await startTraining(server.url, BASE, { data: 'set', id: 'mine' })).json()) as Training;
  let last: Training | undefined;
  for await (const training of eventsOf(server.url, id)) {
    const { step = '', done = 0 } = training.progress ?? {};
    // A quick machine may be further already.
    const hasFeatures = (step === 'features' && done > 20) || step === 'head';
    if (hasFeatures && !server.child.killed) server.child.kill('SIGTERM');
    last = training;
  }
  expect((await server.ended).status).toBe(0);
  expect(server.child.killed).toBe(true);
  expect(last?.state).not.toBe('done');
  expect(leftovers(data)).toEqual([]);
  expect(readdirSync(join(data, 'transfers'))).toEqual([id]);
  const job = JSON.parse(readFileSync(join(data, 'transfers', id, 'job.json'), 'utf8'));
  expect(job).toMatchObject({ state: 'queued', begun: 0 });
  const next = await serve(env);
  const ended = await untilOver(next.url, id);
  expect(ended).toMatchObject({ state: 'done', result: { pictures: 200 } });
  const { cost } = await reportOfTraining(next.url, id);
  expect(cost.cache_hits).toBeGreaterThan(0);
  expect(cost.computed + cost.cache_hits).toBe(200);
  expect(await answer(next.url)).toBe('red');
});

test('SIGKILL in each step: the model before serves on, and the next server finishes the training', async () => {
  const { data, env } = await dataFolder();
  let server = await serve(env);
  expect((await train(server.url, BASE, { data: 'set', id: 'mine' })).state).toBe('done');
  for (const [i, step] of ['reading', 'features', 'head', 'writing', 'loading'].entries()) {
    // Other pictures each time, so that every step has something to do.
    await writeSet(join(data, `set-${i}`), { red: 16, green: 16 }, 100 + 50 * i);
    const { id } = (await (await startTraining(server.url, BASE, { data: `set-${i}`, id: 'mine' })).json()) as Training;
    let last = '';
    try {
      for await (const { progress, state } of eventsOf(server.url, id)) {
        last = progress?.step ?? '';
        if (last === step || state === 'done') server.child.kill('SIGKILL');
      }
    } catch {
      // The connection ends with the server.
    }
    expect((await server.ended).status).toBe('SIGKILL');
    const { models, refused } = await openRepository([join(data, 'models')]);
    expect([[...models.keys()], refused]).toEqual([['mine'], []]);
    server = await serve({ ...env, MENAGERIE_MODELS: `${BASE},mine` });
    expect(await answer(server.url)).toBe('red');
    expect(await untilOver(server.url, id)).toMatchObject({ state: 'done', result: { pictures: 32 } });
    expect(await answer(server.url)).toBe('red');
  }
  expect(leftovers(data)).toEqual([]);
});

test('while the last layers are trained: SIGTERM and SIGKILL leave nothing half written, and the next server finishes', async () => {
  const { data, env } = await dataFolder(24);
  let server = await serve(env);
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const body = { data: 'set', id: 'mine', depth: 'last-block', seed: 7 };
    const { id } = (await (await startTraining(server.url, BASE, body)).json()) as Training;
    let steps = 0;
    try {
      for await (const { progress, state } of eventsOf(server.url, id)) {
        if (progress?.step === 'tail') steps++;
        if (state === 'done') throw new Error('it was over too soon');
        if (steps === 3) server.child.kill(signal);
      }
    } catch (error) {
      // The connection ends with the server.
      if (!server.child.killed) throw error;
    }
    expect((await server.ended).status).toBe(signal === 'SIGTERM' ? 0 : 'SIGKILL');
    server = await serve(env);
    expect(await untilOver(server.url, id)).toMatchObject({ state: 'done', result: { pictures: 48 } });
    const { cost } = await reportOfTraining(server.url, id);
    expect(cost).toMatchObject({ computed: 0, cache_hits: 48 });
    expect(await answer(server.url)).toBe('red');
  }
  expect(leftovers(data)).toEqual([]);
});

test('SIGKILL while pictures arrive leaves nothing when the next training comes', async () => {
  const { data, env } = await dataFolder();
  const server = await serve(env);
  const upload = new ReadableStream({
    async start(controller) {
      controller.enqueue(new Uint8Array(Buffer.from('PK\x03\x04', 'latin1')));
    },
  });
  const sent = fetch(`${server.url}/models/${BASE}/transfers?id=mine`, {
    method: 'POST',
    headers: ADMIN,
    body: upload,
    duplex: 'half',
  } as RequestInit).catch(() => undefined);
  const transfers = join(data, 'transfers');
  await until(() => leftovers(data).length > 0, 'the upload to begin');
  server.child.kill('SIGKILL');
  await sent;
  const next = await serve(env);
  const { id, state } = await train(next.url, BASE, { data: 'set', id: 'mine' });
  expect(state).toBe('done');
  expect(leftovers(data)).toEqual([]);
  expect(readdirSync(transfers).sort()).toEqual(['.lock', id].sort());
});

test('a training that ends the server again and again is lost', async () => {
  const { data, env } = await dataFolder();
  const id = 'mine-00000000';
  const job = { id, state: 'running', begun: 3, created: new Date().toISOString() };
  const request = { base: BASE, id: 'mine', data: join(data, 'set'), depth: 'head', augment: '', hidden: [], seed: 0 };
  await mkdir(join(data, 'transfers', id, 'pictures'), { recursive: true });
  await writeFile(join(data, 'transfers', id, 'job.json'), JSON.stringify({ ...job, request }));
  const server = await serve(env);
  expect(await untilOver(server.url, id)).toMatchObject({ state: 'lost', error: { code: 'training_lost' } });
  await until(() => leftovers(data).length === 0, 'its pictures to be removed');
  expect((await train(server.url, BASE, { data: 'set', id: 'mine' })).state).toBe('done');
});

test('a newcomer that fails keeps the old model; a second server trains nothing meanwhile', async () => {
  const { data, env } = await dataFolder();
  const server = await serve(env);
  expect((await train(server.url, BASE, { data: 'set', id: 'mine' })).state).toBe('done');
  // A folder in the place of the file that says which version is current.
  const manifest = readFileSync(join(data, 'models/mine/manifest.json'), 'utf8');
  await mkdir(join(data, 'models/mine/manifest.previous.json'));
  const failed = await train(server.url, BASE, { data: 'set', id: 'mine', seed: 9, hidden: '4' });
  expect(failed).toMatchObject({ state: 'failed', result: null });
  expect(failed.error?.detail).not.toContain(data);
  expect(await answer(server.url)).toBe('red');
  expect(readFileSync(join(data, 'models/mine/manifest.json'), 'utf8')).toBe(manifest);
  expect(leftovers(data)).toEqual([]);
  const second = await serve(env);
  const refused = await startTraining(second.url, BASE, { data: 'set', id: 'another' });
  expect(await refused.json()).toMatchObject({
    code: 'io_error',
    detail: 'Another process trains with this MENAGERIE_DATA_DIR.',
  });
  // It came so far that there is a report.
  expect((await reportOfTraining(server.url, failed.id)).seed).toBe(9);
});
