import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { type Manifest, parseManifest } from '../../src/core/manifest/manifest.js';
import { createNormalise } from '../../src/core/pixels/normalise.js';
import { softmax } from '../../src/core/scores/activation.js';
import { tarOf, zipOf } from '../support/archives.js';
import { colourNetwork, SIDE } from '../support/colour-networks.js';
import { type ClassifyReply, codeOf, postPicture } from '../support/http-client.js';
import { manifestOf, PREPROCESS, temporaryFolder, writeTree } from '../support/model-folders.js';
import { childrenOf, serve } from '../support/process.js';
import {
  ADMIN,
  type Colour,
  drawn,
  eventsOf,
  KEY,
  leftovers,
  pictureSet,
  reportOfTraining,
  startTraining,
  type Training,
  train,
  untilOver,
  writeSet,
} from '../support/trainings.js';
import { until } from '../support/worker-script.js';

// One server with two workers for all tests, as users start it. The base is small, and pictures are drawn.

const BASE = 'cifar10-resnet20';
const DATA = await temporaryFolder();
await writeSet(join(DATA, 'sets/colours'), { red: 8, green: 8, blue: 8 });
await writeSet(join(DATA, 'sets/val'), { red: 3, green: 3, blue: 3 }, 500);
await writeSet(join(DATA, 'sets/one'), { red: 3 });
await writeTree(join(DATA, 'models/plain'), {
  'manifest.json': manifestOf('plain', {
    input: { name: 'x', layout: 'NCHW', height: SIDE, width: SIDE },
    preprocess: PREPROCESS,
    batch: 'dynamic',
  }),
  'labels.txt': 'r\ng\nb\n',
  'plain.onnx': colourNetwork(),
});
const server = await serve({
  MENAGERIE_DATA_DIR: DATA,
  MENAGERIE_ADMIN_KEY: KEY,
  MENAGERIE_MODELS: `${BASE},lenet5,plain`,
  MENAGERIE_WORKERS: '2',
});

/** The most probable label of a picture, and whether it is unknown. */
async function ask(model: string, picture: Uint8Array<ArrayBuffer>) {
  const response = await postPicture(server.url, picture, { query: `model=${model}` });
  const { results } = (await response.json()) as {
    results: (ClassifyReply['results'][number] & { unknown?: boolean })[];
  };
  return { label: results[0]?.predictions?.[0]?.label, unknown: results[0]?.unknown };
}

async function expectKnows(model: string, colours: Colour[] = ['red', 'green', 'blue']) {
  for (const colour of colours) expect(await ask(model, await drawn(colour, 77))).toMatchObject({ label: colour });
}

function formWith(files: Record<string, Uint8Array<ArrayBuffer>>, fields: Record<string, string>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  for (const [name, bytes] of Object.entries(files)) form.append('file', new Blob([bytes]), name);
  return form;
}

describe('a training on a folder of the server', () => {
  let first: Training;

  test('is accepted, tells how far it is, and ends with a model that serves', async () => {
    const body = { data: 'sets/colours', val: 'sets/val', id: 'colours', title: 'Colours' };
    const response = await startTraining(server.url, BASE, body);
    expect(response.status).toBe(202);
    const accepted = (await response.json()) as Training;
    expect(response.headers.get('location')).toBe(`/transfers/${accepted.id}`);
    expect(accepted).toMatchObject({ model: 'colours', base: BASE, depth: 'head', error: null, result: null });
    const seen: Training[] = [];
    for await (const training of eventsOf(server.url, accepted.id)) seen.push(training);
    first = seen.at(-1) as Training;
    expect(first).toMatchObject({ state: 'done', result: { model: 'colours', classes: 3, pictures: 24, accuracy: 1 } });
    expect(seen.some(({ progress }) => progress?.step === 'head')).toBe(true);
    await expectKnows('colours');
    expect(JSON.stringify(seen)).not.toContain(DATA);
  });

  test('is listed, and its report comes as JSON, text and a page', async () => {
    const list = (await (await fetch(`${server.url}/transfers`)).json()) as { transfers: Training[] };
    expect(list.transfers.map(({ id }) => id)).toContain(first.id);
    const report = await reportOfTraining(server.url, first.id);
    expect(report).toMatchObject({
      id: 'colours',
      data: { train: 24, val: 9, classes: [{ label: 'blue', train: 8, val: 3 }, { label: 'green' }, { label: 'red' }] },
      val: { images: 9, accuracy: { value: 1 } },
      cost: { computed: 33, cache_hits: 0 },
    });
    const asked = async (accept: string) =>
      await (await fetch(`${server.url}/transfers/${first.id}/report`, { headers: { ...ADMIN, accept } })).text();
    expect(await asked('text/plain')).toContain('24');
    expect(await asked('text/html')).toContain('<html');
    expect(JSON.stringify(report)).not.toContain(DATA);
    expect((await fetch(`${server.url}/transfers/${first.id}/report`)).status).toBe(401);
  });

  test('writes one ONNX file that answers alone as the server does, on every picture', async () => {
    const file = await fetch(`${server.url}/models/colours/file`, { headers: ADMIN });
    expect(file.status).toBe(200);
    const session = await InferenceSession.create(new Uint8Array(await file.arrayBuffer()), { intraOpNumThreads: 1 });
    const [folder = ''] = (await readdir(join(DATA, 'models/colours'))).filter((name) => name.endsWith('.json'));
    const manifest: Manifest = parseManifest(readFileSync(join(DATA, 'models/colours', folder), 'utf8'), folder);
    const { input, preprocess } = manifest;
    for (const picture of Object.values(await pictureSet({ red: 8, green: 8, blue: 8 }))) {
      const pixels = await sharp(picture).removeAlpha().raw().toBuffer();
      const values = new Float32Array(pixels.length);
      createNormalise(preprocess, input.layout, 'float32')(new Uint8Array(pixels), values);
      const dims = [1, 3, input.height, input.width];
      const { logits, distance } = await session.run({ [input.name]: new Tensor('float32', values, dims) });
      const alone = softmax(logits?.data as Float32Array);
      const reply = await postPicture(server.url, picture, { query: 'model=colours&top_k=3' });
      const { results } = (await reply.json()) as ClassifyReply;
      for (const { index, score } of results[0]?.predictions ?? []) expect(score).toBeCloseTo(alone[index] ?? -1, 5);
      expect(results[0]?.predictions).toHaveLength(3);
      expect(distance?.data[0]).toBeLessThan(1e-5);
    }
    await session.release();
  });

  test('computes nothing the second time, and the version before comes back', async () => {
    const version = async () => {
      const model = (await (await fetch(`${server.url}/models/colours`)).json()) as { serving: { version: string } };
      return model.serving.version;
    };
    expect(await version()).toBe(first.result?.version);
    // The pictures of val are learned too.
    await writeSet(join(DATA, 'sets/more'), { red: 8, green: 8, blue: 8 });
    const again = await train(server.url, BASE, { data: 'sets/more', id: 'colours', seed: 1, hidden: '8' });
    expect(again).toMatchObject({ state: 'done' });
    expect(await reportOfTraining(server.url, again.id)).toMatchObject({ cost: { computed: 0, cache_hits: 24 } });
    expect(await version()).toBe(again.result?.version);
    expect(again.result?.version).not.toBe(first.result?.version);
    const back = await fetch(`${server.url}/models/colours/rollback`, { method: 'POST', headers: ADMIN });
    expect(back.status).toBe(200);
    expect(await version()).toBe(first.result?.version);
    await expectKnows('colours');
  });
});

test('a training on a variant that does not serve leaves the one that does', async () => {
  const variantOf = async (id: string) => {
    const model = (await (await fetch(`${server.url}/models/${id}`)).json()) as { serving: { variant: string } };
    return model.serving.variant;
  };
  expect(await variantOf(BASE)).toBe('fp32');
  const training = await train(server.url, BASE, { data: 'sets/colours', id: 'small', variant: 'int8' });
  expect(training).toMatchObject({ state: 'done', error: null });
  expect(await reportOfTraining(server.url, training.id)).toMatchObject({
    base: { variant: 'int8' },
    cost: { computed: 24 },
  });
  expect([await variantOf(BASE), await variantOf('small')]).toEqual(['fp32', 'int8']);
  await expectKnows('small');
});

describe('pictures that are uploaded', () => {
  test('as a form, of which some are labelled wrongly: they are named', async () => {
    const files = await pictureSet({ red: 12, green: 12 });
    for (const i of [3, 7]) files[`green/wrong-${i}.png`] = await drawn('red', 900 + i);
    const training = await train(server.url, BASE, formWith(files, { id: 'form', seed: '3' }));
    expect(training).toMatchObject({ state: 'done', result: { pictures: 26 } });
    const { suspicious, data } = await reportOfTraining(server.url, training.id);
    expect(
      suspicious.listed
        .map(({ file }) => file)
        .slice(0, 2)
        .sort(),
    ).toEqual(['green/wrong-3.png', 'green/wrong-7.png']);
    expect(suspicious.listed[0]).toMatchObject({
      label: 'green',
      answer: 'red',
      thumbnail: expect.stringMatching(/^data:/),
    });
    expect(data.val).toBeNull();
    await expectKnows('form', ['red', 'green']);
  });

  test('as a zip with duplicates, contradictions and damaged files', async () => {
    const files: Record<string, Buffer> = await pictureSet({ red: 6, green: 6, blue: 6 });
    const red = files['red/0.png'] as Buffer;
    const both = await drawn('blue', 4242);
    Object.assign(files, {
      'red/again.png': red,
      'red/both.png': both,
      'blue/both.png': both,
      'red/damaged.png': (files['red/1.png'] as Buffer).subarray(0, 300),
      'red/notes.txt': Buffer.from('hello'),
      'stray.png': await drawn('red', 99),
    });
    const members = Object.entries(files).map(([name, data]) => ({ name, data }));
    const training = await train(server.url, BASE, new Uint8Array(zipOf(...members)), '?id=zipped');
    expect(training).toMatchObject({ state: 'done', result: { pictures: 18, classes: 3 } });
    const { data } = await reportOfTraining(server.url, training.id);
    expect(data.duplicates.listed).toEqual([{ file: 'red/again.png', same_as: 'red/0.png' }]);
    expect(data.conflicts.listed[0]?.listed).toMatchObject([
      { file: 'blue/both.png', label: 'blue', split: 'train' },
      { file: 'red/both.png', label: 'red', split: 'train' },
    ]);
    expect(data.skipped.listed.map(({ file }) => file).sort()).toEqual([
      'red/damaged.png',
      'red/notes.txt',
      'stray.png',
    ]);
    await expectKnows('zipped');
  });

  test('as a tar.gz with two pictures of a class, and many of another', async () => {
    for (const counts of [
      { red: 2, green: 2 },
      { red: 2, green: 20 },
    ]) {
      const members = Object.entries(await pictureSet(counts)).map(([name, data]) => ({ name: `set/${name}`, data }));
      const training = await train(server.url, BASE, new Uint8Array(gzipSync(tarOf(...members))), '?id=few');
      expect(training).toMatchObject({ state: 'done', error: null });
      const { warnings, head } = await reportOfTraining(server.url, training.id);
      expect(warnings.join()).toContain('Few pictures');
      expect(head.weighted).toBe(counts.green === 20);
      await expectKnows('few', ['red', 'green']);
    }
  });
});

describe('a training is refused', () => {
  const colours = { data: 'sets/colours', id: 'mine' };
  test.each([
    ['of an unknown base', 'nothing', colours, 404, 'unknown_model'],
    ['on a folder that is not there', BASE, { ...colours, data: 'sets/nothing' }, 400, 'invalid_request'],
    ['on a folder outside', BASE, { ...colours, data: '../' }, 400, 'invalid_request'],
    ['on an absolute path', BASE, { ...colours, data: '/etc' }, 400, 'invalid_request'],
    ['to measure on a folder outside', BASE, { ...colours, val: '..' }, 400, 'invalid_request'],
    ['for the id of a bundled model', BASE, { ...colours, id: 'lenet5' }, 409, 'model_protected'],
    ['for an id that is none', BASE, { ...colours, id: 'No good' }, 400, 'invalid_request'],
    ['without an id', BASE, { data: 'sets/colours' }, 400, 'invalid_request'],
    ['with an unknown parameter', BASE, { ...colours, colour: 1 }, 400, 'invalid_request'],
    ['with an augmentation that is none', BASE, { ...colours, augment: 'sparkle' }, 400, 'invalid_request'],
    ['with a depth that is none', BASE, { ...colours, depth: 'deep' }, 400, 'invalid_request'],
  ])('%s', async (_case, base, body, status, code) => {
    const response = await startTraining(server.url, base, body);
    const problem = (await response.json()) as { code: string; detail: string };
    expect([response.status, problem.code]).toEqual([status, code]);
    expect(problem.detail).not.toContain(DATA);
  });

  test('without the admin key, or a body', async () => {
    const post = (headers: Record<string, string>, body?: string) =>
      fetch(`${server.url}/models/${BASE}/transfers?id=x`, { method: 'POST', headers, ...(body && { body }) });
    expect((await post({ 'content-type': 'application/json' }, '{}')).status).toBe(401);
    expect(await codeOf(await post(ADMIN))).toBe('empty_body');
    const text = await post({ ...ADMIN, 'content-type': 'application/json' }, '{');
    expect([text.status, await codeOf(text)]).toEqual([400, 'malformed_body']);
    expect((await fetch(`${server.url}/transfers/none-00000000`, { method: 'DELETE' })).status).toBe(401);
    expect((await fetch(`${server.url}/transfers/none-00000000`)).status).toBe(404);
  });

  test('with pictures for the id of a bundled model, before they are sent', async () => {
    const body = new Uint8Array(zipOf({ name: 'a/1.png', data: 'x' }));
    expect(await codeOf(await startTraining(server.url, BASE, body, '?id=lenet5'))).toBe('model_protected');
    expect(await codeOf(await startTraining(server.url, BASE, formWith({ 'a/1.png': body }, { id: 'lenet5' })))).toBe(
      'model_protected',
    );
  });

  test.each([
    ['with one class', BASE, 'sets/one', 'invalid_data', 'sets/one has only the class "red"'],
    ['of a network without a layer to replace', 'plain', 'sets/colours', 'not_trainable', '"plain" has no last layer'],
    ['of an untrained network', 'lenet5-untrained', 'sets/colours', 'model_untrained', 'lenet5-untrained'],
  ])('when it runs: %s', async (_case, base, data, code, detail) => {
    const training = await train(server.url, base, { data, id: 'mine' });
    expect(training).toMatchObject({
      state: 'failed',
      error: { code, detail: expect.stringContaining(detail) },
      result: null,
    });
    expect(training.error?.detail).not.toContain(DATA);
    expect((await fetch(`${server.url}/models/mine`)).status).toBe(404);
    expect((await fetch(`${server.url}/transfers/${training.id}/report`, { headers: ADMIN })).status).toBe(404);
  });
});

test('two clients train at once while a third classifies and many follow; one is cancelled, the other ends', async () => {
  await writeSet(join(DATA, 'sets/many'), { red: 150, green: 150, blue: 150 }, 5000);
  const start = async (id: string) =>
    (await (await startTraining(server.url, BASE, { data: 'sets/many', id })).json()) as Training;
  const one = await start('one');
  const other = await start('other');
  expect(await codeOf(await startTraining(server.url, BASE, { data: 'sets/many', id: 'one' }))).toBe('training_busy');
  let classifying = true;
  let asked = 0;
  const third = (async () => {
    for (; classifying; asked++) expect((await ask(BASE, await drawn('red', asked))).label).toBeDefined();
  })();
  // Awaited at the end, whatever comes before.
  third.catch(() => {});
  const state = async ({ id }: Training) =>
    ((await (await fetch(`${server.url}/transfers/${id}`)).json()) as Training).state;
  for await (const { progress } of eventsOf(server.url, one.id)) if (progress?.step === 'features') break;
  expect([await state(one), await state(other)]).toEqual(['running', 'queued']);
  const cancelled = await fetch(`${server.url}/transfers/${one.id}`, { method: 'DELETE', headers: ADMIN });
  expect(await cancelled.json()).toMatchObject({ state: 'cancelled', error: null });
  // Who leaves makes room for others who follow.
  const follow = async ({ signal }: AbortController) => {
    return await fetch(`${server.url}/transfers/${other.id}`, { headers: { accept: 'text/event-stream' }, signal });
  };
  const all = new AbortController();
  const followers = await Promise.all(Array.from({ length: 64 }, () => follow(all)));
  expect(new Set(followers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(await codeOf(await follow(all))).toBe('overloaded');
  all.abort();
  await until(async () => {
    const one = new AbortController();
    const { status } = await follow(one);
    one.abort();
    return status === 200;
  }, 'room for another follower');
  for await (const training of eventsOf(server.url, other.id)) Object.assign(other, training);
  expect(other).toMatchObject({ state: 'done', result: { pictures: 450 } });
  classifying = false;
  await third;
  expect(asked).toBeGreaterThan(0);
  expect((await fetch(`${server.url}/models/one`)).status).toBe(404);
  await expectKnows('other');
  const forgotten = await fetch(`${server.url}/transfers/${one.id}`, { method: 'DELETE', headers: ADMIN });
  expect(forgotten.status).toBe(200);
  expect((await fetch(`${server.url}/transfers/${one.id}`)).status).toBe(404);
});

test('a training that is cancelled in any step leaves no model, or a whole one', async () => {
  for (const [i, step] of ['reading', 'head', 'writing', 'loading'].entries()) {
    const id = `cancelled-${i}`;
    const response = await startTraining(server.url, BASE, { data: 'sets/many', id, seed: i });
    const started = (await response.json()) as Training;
    for await (const { progress } of eventsOf(server.url, started.id)) if (progress?.step === step) break;
    const reply = await fetch(`${server.url}/transfers/${started.id}`, { method: 'DELETE', headers: ADMIN });
    const { state } = (await reply.json()) as Training;
    // It may have been at its end.
    expect(['cancelled', 'done']).toContain(state);
    if (state === 'done') await expectKnows(id);
    else expect((await fetch(`${server.url}/models/${id}`)).status).toBe(404);
  }
});

test.runIf(process.platform === 'linux')('a trainer that ends fails its training alone', async () => {
  const response = await startTraining(server.url, BASE, { data: 'sets/many', id: 'lost', seed: 99 });
  const started = (await response.json()) as Training;
  const isTrainer = (pid: string) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('trainer-main');
  await until(() => {
    const trainer = childrenOf(server).find(isTrainer);
    return trainer !== undefined && process.kill(Number(trainer), 'SIGKILL');
  }, 'the trainer');
  const failed = await untilOver(server.url, started.id);
  expect(failed).toMatchObject({ state: 'failed', error: { code: 'training_failed' } });
  expect(await train(server.url, BASE, { data: 'sets/many', id: 'lost' })).toMatchObject({ state: 'done' });
});

test('nothing is left of all this but models, features and reports', () => {
  expect(leftovers(DATA)).toEqual([]);
});
