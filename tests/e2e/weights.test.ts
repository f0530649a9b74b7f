import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import * as hostile from '../../scripts/torture/hostile-networks.mjs';
import { type ClassifyReply, postPicture } from '../support/http-client.js';
import { temporaryFolder } from '../support/model-folders.js';
import { serve } from '../support/process.js';
import { until } from '../support/worker-script.js';

const KEY = 'a-key-for-this-test';
const SEVEN = new Uint8Array(readFileSync(fileURLToPath(new URL('../../models/golden/digit-7.png', import.meta.url))));

const stateOf = async (url: string, id: string) =>
  (await (await fetch(`${url}/models/${id}`)).json()) as { state: string; reason?: string };
const childrenOf = (pid: number) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);

it('a network much larger than those at the start is loaded into workers that were limited to these', async () => {
  const folder = await temporaryFolder();
  hostile.writeLargeModel(folder, 'large', 500);
  const { url } = await serve({ MODEL_DIRS: folder, MENAGERIE_ADMIN_KEY: KEY });
  const headers = { authorization: `Bearer ${KEY}` };
  const loaded = await fetch(`${url}/models/large/load`, { method: 'POST', headers });
  expect([loaded.status, await loaded.json()]).toMatchObject([200, { id: 'large', state: 'ready' }]);
  expect((await postPicture(url, SEVEN, { query: 'model=large' })).status).toBe(200);
  expect((await postPicture(url, SEVEN, { query: 'model=lenet5' })).status).toBe(200);
});

it.runIf(process.platform === 'linux')('what runs is what was verified, whatever becomes of the file', async () => {
  const folder = await temporaryFolder();
  // Without a SHA-256 in its manifest: what was loaded first counts.
  hostile.writeModel(folder, 'own', hostile.quick());
  const manifestFile = join(folder, 'own', 'manifest.json');
  const manifest = JSON.parse(readFileSync(manifestFile, 'utf8'));
  writeFileSync(manifestFile, JSON.stringify({ ...manifest, variants: { fp32: { file: 'own.onnx' } } }));
  const server = await serve({ MODEL_DIRS: folder, MENAGERIE_MODELS: 'own', MENAGERIE_WORKERS: '2' });
  const create = { width: 8, height: 8, channels: 3, background: '#4a8' } as const;
  const picture = new Uint8Array(await sharp({ create }).png().toBuffer());
  let seed = 0;
  const ask = async () => {
    const reply = (await (
      await postPicture(server.url, picture, { query: `model=own&seed=${seed++}` })
    ).json()) as ClassifyReply;
    return [reply.model.version, reply.results[0]?.predictions];
  };
  const before = await ask();
  const workers = childrenOf(server.child.pid as number);

  hostile.writeModel(folder, 'other', hostile.slowIfRed(1));
  copyFileSync(join(folder, 'other', 'other.onnx'), join(folder, 'own', 'own.onnx'));
  process.kill(workers[0] as number, 'SIGKILL');
  await until(() => server.out().includes('instance of a model lost'), 'the file to be refused');
  expect(server.out()).toMatch(/own\.onnx: its SHA-256 is [0-9a-f]{64}; what was verified when the model was loaded/);
  // The other worker has the verified weights, and serves on.
  for (let i = 0; i < 4; i++) expect(await ask()).toEqual(before);
  expect((await stateOf(server.url, 'own')).state).toBe('ready');

  process.kill(workers[1] as number, 'SIGKILL');
  await until(async () => (await stateOf(server.url, 'own')).state === 'failed', 'the model to be given up');
  expect((await stateOf(server.url, 'own')).reason).toContain('own.onnx: its SHA-256 is');
});
