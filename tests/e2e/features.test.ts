import { readFileSync } from 'node:fs';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { parseNpyHeader } from '../../src/core/features/npy.js';
import { codeOf } from '../support/http-client.js';
import { temporaryFolder, writeTree } from '../support/model-folders.js';
import { run, serve, start } from '../support/process.js';
import { until } from '../support/worker-script.js';

// Features of the bundled networks, over HTTP and on the command line.

const pathOf = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const COFFEE = readFileSync(pathOf('samples/coffee.jpg'));
const AIRPLANE = readFileSync(pathOf('models/golden/airplane.png'));
const SEVEN = pathOf('models/golden/digit-7.png');
const RESNET = 'cifar10-resnet20';

interface Reply {
  model: { id: string; version: string };
  shape: number[];
  results: { name?: string; views?: number; features?: number[]; error?: { code: string } }[];
}

/** Posts pictures in a form. */
async function post(url: string, model: string, query: string, pictures: readonly Uint8Array[], accept = '*/*') {
  const form = new FormData();
  for (const [i, bytes] of pictures.entries()) form.append('image', new Blob([new Uint8Array(bytes)]), `${i}.jpg`);
  const address = `${url}/models/${model}/features${query === '' ? '' : `?${query}`}`;
  return await fetch(address, { method: 'POST', body: form, headers: { accept } });
}

async function featuresOf(url: string, query: string, picture = COFFEE): Promise<number[]> {
  const reply = (await (await post(url, RESNET, query, [picture])).json()) as Reply;
  return reply.results[0]?.features ?? [];
}

interface Table {
  shape: number[];
  values: Float32Array;
}

function tableOf(bytes: Buffer): Table {
  const { shape, offset } = parseNpyHeader(bytes);
  return { shape, values: new Float32Array(Uint8Array.from(bytes.subarray(offset)).buffer) };
}

describe('POST /models/:id/features', () => {
  it('answers a vector for each picture, the same in every form', async () => {
    const { url } = await serve({ MENAGERIE_MODELS: `${RESNET},lenet5` });
    const json = await post(url, RESNET, '', [COFFEE, AIRPLANE]);
    const { model, shape, results } = (await json.json()) as Reply;
    expect([model.id, shape]).toEqual([RESNET, [64]]);
    expect(results.map(({ name, features }) => [name, features?.length])).toEqual([
      ['0.jpg', 64],
      ['1.jpg', 64],
    ]);
    const all = results.flatMap(({ features = [] }) => features);
    expect(all.some((value) => value > 0)).toBe(true);
    expect(json.headers.get('server-timing')).toMatch(/inference/);

    const octets = await post(url, RESNET, '', [COFFEE, AIRPLANE], 'application/octet-stream');
    expect(octets.headers.get('features-shape')).toBe('2,64');
    expect(octets.headers.get('features-version')).toBe(model.version);
    expect([...new Float32Array(await octets.arrayBuffer())]).toEqual(all);

    for (const npy of [
      await post(url, RESNET, '', [COFFEE, AIRPLANE], 'application/x-npy'),
      await post(url, RESNET, 'format=npy', [COFFEE, AIRPLANE]),
    ]) {
      expect(npy.headers.get('content-type')).toBe('application/x-npy');
      const table = tableOf(Buffer.from(await npy.arrayBuffer()));
      expect([table.shape, [...table.values]]).toEqual([[2, 64], all]);
    }
    // The picture as the body, as `curl -T` sends it.
    const put = await fetch(`${url}/models/${RESNET}/features`, { method: 'PUT', body: new Uint8Array(COFFEE) });
    expect(((await put.json()) as Reply).results[0]?.features).toEqual(all.slice(0, 64));
    expect((await post(url, RESNET, '', [COFFEE], 'text/html')).status).toBe(406);
  });

  it('averages over views, and takes the parameters from a form', async () => {
    const { url } = await serve({ MENAGERIE_MODELS: RESNET });
    const mirrored = await sharp(COFFEE).flop().png().toBuffer();
    const square = await sharp(COFFEE).png().toBuffer();
    const [one, other, both] = [
      await featuresOf(url, '', square),
      await featuresOf(url, '', mirrored),
      await featuresOf(url, 'tta=mirror', square),
    ];
    // A mirrored picture is resized like the picture, up to rounding.
    for (const [i, value] of both.entries()) expect(value).toBeCloseTo(((one[i] ?? 0) + (other[i] ?? 0)) / 2, 1);
    expect(both).not.toEqual(one);
    const form = new FormData();
    form.append('tta', 'mirror');
    form.append('image', new Blob([new Uint8Array(square)]));
    const reply = await fetch(`${url}/models/${RESNET}/features`, { method: 'POST', body: form });
    expect(((await reply.json()) as Reply).results[0]).toMatchObject({ views: 2, features: both });
  });

  it('answers with the values of a layer, by the name of the layer or its tensor', async () => {
    const { url } = await serve({ MENAGERIE_MODELS: RESNET });
    const plain = await featuresOf(url, '');
    expect(await featuresOf(url, 'layer=flatten')).toEqual(plain);
    const reply = (await (await post(url, RESNET, 'layer=stage3.block3.relu2', [COFFEE])).json()) as Reply;
    expect(reply.shape).toEqual([64, 8, 8]);
    // The global average pool over 8 x 8 is what follows.
    const values = reply.results[0]?.features ?? [];
    for (const [channel, value] of plain.entries()) {
      const mean = values.slice(64 * channel, 64 * (channel + 1)).reduce((sum, each) => sum + each, 0) / 64;
      expect(value).toBeCloseTo(mean, 4);
    }
    const unknown = await post(url, RESNET, 'layer=nope', [COFFEE]);
    expect([unknown.status, await unknown.json()]).toMatchObject([400, { detail: expect.stringContaining('"nope"') }]);
    // Three at a time are not kept, but one after the other they are answered, and the model serves on.
    for (const layer of ['pool', 'stage1.block1.add', 'stage2.block1.add']) {
      expect((await post(url, RESNET, `layer=${layer}&format=npy`, [COFFEE])).status).toBe(200);
    }
    expect(await featuresOf(url, '')).toEqual(plain);
  });

  it('says what is wrong', async () => {
    const { url } = await serve({ MENAGERIE_MODELS: RESNET });
    const codes = async (model: string, query = '', pictures: readonly Uint8Array[] = [COFFEE], accept?: string) => {
      const reply = await post(url, model, query, pictures, accept);
      return [reply.status, await codeOf(reply)];
    };
    expect(await codes('cifar10-all')).toEqual([400, 'invalid_request']);
    expect(await codes('no-such')).toEqual([404, 'unknown_model']);
    expect(await codes('lenet5-untrained')).toEqual([409, 'model_untrained']);
    expect(await codes('lenet5')).toEqual([409, 'model_not_loaded']);
    expect(await codes(RESNET, 'top_k=3')).toEqual([400, 'invalid_request']);
    expect(await codes(RESNET, '', [Buffer.from('no picture')])).toEqual([415, 'not_an_image']);
    // Several pictures: an error each in JSON, of all where there is no place for it.
    const both = (await (await post(url, RESNET, '', [COFFEE, COFFEE.subarray(0, 100)])).json()) as Reply;
    expect(both.results.map(({ error }) => error?.code)).toEqual([undefined, 'corrupt_image']);
    expect(await codes(RESNET, '', [COFFEE, COFFEE.subarray(0, 100)], 'application/x-npy')).toEqual([
      422,
      'corrupt_image',
    ]);
    // 16 x 16384 values are too many for JSON.
    const many = Array(16).fill(COFFEE);
    expect(await codes(RESNET, 'layer=stage1.block1.add', many)).toEqual([422, 'answer_too_large']);
    expect((await post(url, RESNET, 'layer=stage1.block1.add', many, 'application/octet-stream')).status).toBe(200);
  });
});

/** A folder with three pictures, of which two are the same, and what is none. */
async function folder(): Promise<string> {
  const root = join(await temporaryFolder(), 'pictures');
  await writeTree(root, {
    'a.jpg': COFFEE,
    'b/plane.png': AIRPLANE,
    'b/same.jpg': COFFEE,
    'broken.jpg': COFFEE.subarray(0, 100),
    'notes.txt': 'hello',
  });
  return root;
}

describe('menagerie features', () => {
  it('writes a row and a name for each picture, and similar finds them', async () => {
    const root = await folder();
    const out = join(root, 'f.npy');
    const done = await run(['features', root, '-m', RESNET, '--out', out]);
    expect(done.status).toBe(1);
    expect(done.err).toMatch(/broken\.jpg: .*\[corrupt_image\]/);
    expect(done.err).toMatch(/notes\.txt: left out: not a picture/);
    const names = ['a.jpg', 'b/plane.png', 'b/same.jpg'].map((name) => join(root, name));
    expect((await readFile(out.replace('.npy', '.txt'), 'utf8')).split('\n')).toEqual([...names, '']);
    const { shape, values } = tableOf(await readFile(out));
    expect(shape).toEqual([3, 64]);
    expect(values.slice(0, 64)).toEqual(values.slice(128));

    const found = await run(['similar', join(root, 'a.jpg'), '--in', out, '-k', '2', '--json']);
    const { file, similar } = JSON.parse(found.out);
    expect([file, similar.map((each: { file: string }) => each.file)]).toEqual([names[0], [names[2], names[1]]]);
    expect(similar[0].similarity).toBeCloseTo(1, 6);

    for (const args of [
      ['--in', out],
      [root, '-m', RESNET],
    ]) {
      const pairs = await run(['similar', ...args, '--min', '0.99']);
      expect(pairs.out).toBe(`1.0000  ${names[0]}  ${names[2]}\n`);
      expect(pairs.err).toMatch(/1 pairs of 3 pictures/);
    }
    const other = await run(['features', root, '-m', 'lenet5', '--out', out]);
    expect([other.status, other.err]).toEqual([2, expect.stringMatching(/cannot be continued: model was/)]);
  });

  it('goes on where it was killed', async () => {
    const root = join(await temporaryFolder(), 'pictures');
    await mkdir(root);
    const files = Array.from({ length: 400 }, (_, i) => join(root, `${String(i).padStart(3, '0')}.png`));
    for (const file of files) await copyFile(SEVEN, file);
    const out = join(root, 'f.npy');
    const args = ['features', root, '-m', 'lenet5', '--out', out, '--workers', '1'];
    const names = () => readFile(out.replace('.npy', '.txt'), 'utf8').catch(() => '');
    const first = start(args);
    await until(async () => (await names()).length > 20, 'the first rows');
    first.child.kill('SIGKILL');
    await first.ended;
    expect((await names()).split('\n').length).toBeLessThan(files.length);
    const second = await run(args);
    expect(second.status).toBe(0);
    expect((await names()).trimEnd().split('\n')).toEqual(files);
    const { shape, values } = tableOf(await readFile(out));
    expect(shape).toEqual([400, 84]);
    expect(values.every((value, i) => value === values[i % 84])).toBe(true);
  });

  it('refuses what cannot be done', async () => {
    const root = await folder();
    const wrong = async (...args: string[]) => {
      const { status, err } = await run(args);
      return [status, /\[(\w+)\]\n$/.exec(err)?.[1] ?? err];
    };
    expect(await wrong('features', root, '-m', RESNET, '--out', join(root, 'f.bin'))).toEqual([2, 'usage']);
    expect(await wrong('features', root, '-m', 'cifar10-all', '--out', join(root, 'f.npy'))).toEqual([
      1,
      'invalid_request',
    ]);
    expect(await wrong('similar')).toEqual([2, 'usage']);
    await writeFile(join(root, 'x.npy'), 'no array');
    expect(await wrong('similar', '--in', join(root, 'x.npy'))).toEqual([1, 'invalid_data']);
  });
});
