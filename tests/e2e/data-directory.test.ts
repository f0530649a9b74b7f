import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parseManifest } from '../../src/core/manifest/manifest.js';
import { commitModel, type NewModel, stageModel } from '../../src/zoo/model-folder.js';
import { postPicture } from '../support/http-client.js';
import { temporaryFolder } from '../support/model-folders.js';
import { run, serve } from '../support/process.js';
import { until } from '../support/worker-script.js';

// A server and the commands, each a process of its own, over one MENAGERIE_DATA_DIR. The networks are the bundled LeNet-5, whose
// versions differ in bytes that say nothing.

const MODELS = fileURLToPath(new URL('../../models', import.meta.url));
const KEY = 'the-key-of-the-tests';
const DIGIT = readFileSync(join(MODELS, 'golden', 'digit-7.png'));

/** LeNet-5 as a model of its own. @param version a number that only makes its bytes differ */
function digits(version: number, golden = 7): NewModel {
  const file = join(MODELS, 'lenet5', 'manifest.json');
  const { labels, variants, default_variant, golden: _, ...manifest } = parseManifest(readFileSync(file, 'utf8'), file);
  // Field 6 of a model is its documentation.
  const note = Buffer.from(`version ${version}`);
  const network = Buffer.concat([
    readFileSync(join(MODELS, 'lenet5', 'lenet5.onnx')),
    Buffer.from([(6 << 3) | 2, note.length]),
    note,
  ]);
  return {
    manifest: { ...manifest, id: 'mine' },
    variant: 'fp32',
    network: { name: 'model.onnx', content: network },
    labels: Array.from({ length: 10 }, (_each, i) => ({ name: String(i) })),
    golden: { picture: { name: 'golden.png', content: DIGIT }, index: golden, within: 1 },
  };
}

function admin(url: string, path: string, method = 'POST') {
  return fetch(`${url}/models/${path}`, { method, headers: { authorization: `Bearer ${KEY}` } });
}

async function versionOf(url: string): Promise<string | undefined> {
  const model = (await (await fetch(`${url}/models/mine`)).json()) as { serving?: { version: string } | null };
  return model.serving?.version;
}

test('models of the data directory come, change and go while a server answers', async () => {
  const data = await temporaryFolder();
  const env = { MENAGERIE_DATA_DIR: data, MENAGERIE_ADMIN_KEY: KEY, MENAGERIE_WORKERS: '2' };
  // The folder of models is not there yet.
  const { url, child, ended } = await serve(env);
  const models = join(data, 'models');
  const write = async (model: NewModel) => {
    const staged = await stageModel(models, model);
    await commitModel(staged);
    return staged.written?.slice(0, 12);
  };
  const first = await write(digits(1));
  expect((await admin(url, 'mine/load')).status).toBe(200);
  expect(await versionOf(url)).toBe(first);

  let [going, answered] = [true, 0];
  const traffic = Array.from({ length: 3 }, async () => {
    while (going) {
      const reply = await postPicture(url, DIGIT, { query: 'model=mine' });
      expect([reply.status, await reply.json()]).toMatchObject([
        200,
        { results: [{ predictions: [{ index: 7 }, {}, {}, {}, {}] }] },
      ]);
      answered++;
    }
  });
  const more = async () => {
    const before = answered;
    await until(() => answered > before + 5, 'traffic between the changes');
  };
  const second = await write(digits(2));
  await more();
  expect(await versionOf(url)).toBe(first);
  expect((await admin(url, 'mine/load')).status).toBe(200);
  expect(await versionOf(url)).toBe(second);
  // A version that another program wrote and that does not answer its golden picture.
  await write(digits(3, 1));
  expect((await admin(url, 'mine/load')).status).toBe(500);
  expect(await versionOf(url)).toBe(second);
  await more();
  // What serves is two versions behind by now, and a worker that is replaced still finds its file.
  await write(digits(4));
  const workers = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ').map(Number);
  for (const worker of workers.slice(0, 1)) process.kill(worker, 'SIGKILL');
  await more();
  expect(await versionOf(url)).toBe(second);
  expect((await admin(url, 'mine/load')).status).toBe(200);
  const fourth = await versionOf(url);
  expect(fourth).not.toBe(second);
  // The version before is the faulty one.
  expect((await admin(url, 'mine/rollback')).status).toBe(500);
  expect(await versionOf(url)).toBe(fourth);
  const fifth = await write(digits(5));
  expect((await admin(url, 'mine/load')).status).toBe(200);
  const back = await run(['rollback', 'mine', '--json', '--workers', '1'], env);
  expect([back.err, JSON.parse(back.out)]).toEqual(['', { id: 'mine', version: fourth, replaced: fifth }]);
  expect(await versionOf(url)).toBe(fifth);
  expect((await admin(url, 'mine/load')).status).toBe(200);
  expect(await versionOf(url)).toBe(fourth);
  expect((await admin(url, 'mine/rollback')).status).toBe(200);
  expect(await versionOf(url)).toBe(fifth);
  await more();
  going = false;
  await Promise.all(traffic);
  const file = await admin(url, 'mine/file', 'GET');
  expect(
    Buffer.from(await file.arrayBuffer())
      .subarray(-9)
      .toString(),
  ).toBe('version 5');

  // Killed and started anew, the server has it from the start, beside the bundled ones.
  child.kill('SIGKILL');
  await ended;
  const again = await serve({ ...env, MENAGERIE_MODELS: '' });
  expect(await versionOf(again.url)).toBe(fifth);
  expect((await admin(again.url, 'mine', 'DELETE')).status).toBe(204);
  expect((await postPicture(again.url, DIGIT, { query: 'model=mine' })).status).toBe(404);
  expect(readdirSync(models)).toEqual([]);
});

test('rollback and remove say what they did, and what they refuse', async () => {
  const data = await temporaryFolder();
  const models = join(data, 'models');
  const env = { MENAGERIE_DATA_DIR: data, MENAGERIE_WORKERS: '1' };
  await commitModel(await stageModel(models, digits(1)));
  const none = await run(['rollback', 'mine'], env);
  expect([none.status, none.err]).toEqual([1, expect.stringContaining('has no earlier version')]);
  const bundled = await run(['remove', 'lenet5'], env);
  expect([bundled.status, bundled.err]).toEqual([1, expect.stringContaining('[model_protected]')]);
  const named = await run(['remove', 'mine'], { ...env, MENAGERIE_DEFAULT_MODEL: 'mine' });
  expect([named.status, named.err]).toEqual([1, expect.stringContaining('MENAGERIE_DEFAULT_MODEL')]);
  await commitModel(await stageModel(models, digits(2)));
  const back = await run(['rollback', 'mine'], env);
  expect([back.status, back.out]).toEqual([
    0,
    expect.stringMatching(/^mine: version [0-9a-f]{12} is current again in place/),
  ]);
  const gone = await run(['remove', 'mine'], env);
  expect([gone.status, gone.out]).toEqual([0, `mine is removed with all its versions: ${join(models, 'mine')}\n`]);
  expect(readdirSync(models)).toEqual([]);
  expect((await run(['remove', 'mine'], env)).err).toContain('[unknown_model]');
});
