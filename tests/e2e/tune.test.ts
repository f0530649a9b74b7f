import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { cudaObstacle } from '../../src/runtime/device/providers.js';
import { temporaryFolder } from '../support/model-folders.js';
import { run, serve } from '../support/process.js';
import { until } from '../support/worker-script.js';

// Tuning, the doctor and devices, as users meet them.

const MODELS = fileURLToPath(new URL('../../models', import.meta.url));
/** Figures of one machine: what a test needs where it is not about measuring. */
const FIGURES = { images_per_s: 1, latency_ms: 1, date: '2026-01-01T00:00:00.000Z' };

/** A tuned.json, but for its goal and machine. */
const DESCRIBED = { format: 2, variant: 'int8', workers: 1, threads: 1, batch: 3, ...FIGURES };

/** Copies a bundled network in all its variants. @returns where its tuned.json would be */
function copyOfNetwork(root: string, id: string): string {
  const folder = join(root, id);
  cpSync(join(MODELS, 'cifar10-resnet20'), folder, { recursive: true });
  const file = join(folder, 'manifest.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), id }));
  return join(folder, 'tuned.json');
}

/** A model directory with a bundled network under the id `net`. */
async function modelDirectory(): Promise<{ root: string; tuned: string }> {
  const root = await temporaryFolder();
  return { root, tuned: copyOfNetwork(root, 'net') };
}

/** What `tune` writes and what it says with --json. */
async function tune(root: string, ...options: string[]) {
  const { status, out, err } = await run(['tune', 'net', '--seconds', '0.06', '--json', ...options], {
    MODEL_DIRS: root,
  });
  expect(err).toBe('');
  expect(status).toBe(0);
  return JSON.parse(out);
}

const lines = (text: string) => text.split('\n');
const serving = async (url: string, id = 'net') => {
  const { serving: found } = (await (await fetch(`${url}/models/${id}`)).json()) as {
    serving: Record<string, unknown>;
  };
  return found;
};

test('tune writes its winner, and the next server follows it where no setting says otherwise', {
  timeout: 120_000,
}, async () => {
  const { root, tuned } = await modelDirectory();
  const said = await tune(root, '--for', 'throughput');
  const [winner, ...others] = said.tried.filter(({ chosen }: { chosen: boolean }) => chosen);
  expect(others).toEqual([]);
  const written = JSON.parse(readFileSync(tuned, 'utf8'));
  const { variant, workers, threads, batch } = winner;
  expect(written).toMatchObject({ goal: 'throughput', variant, workers, threads, batch, machine: said.machine });

  const own = { ...written, ...FIGURES };
  // Whatever has won: a server that follows it can be told from one that does not.
  writeFileSync(tuned, JSON.stringify({ ...own, variant: 'int8', workers: 1, threads: 2, batch: 3 }));
  const env = { MODEL_DIRS: root, MENAGERIE_MODELS: 'net', MENAGERIE_WORKERS: '' };
  const { url } = await serve(env);
  expect(await serving(url)).toMatchObject({ variant: 'int8', batch: 3 });
  expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^menagerie_workers_alive 1$/m);

  const told = await serve({ ...env, MENAGERIE_MODELS: 'net:fp32', MENAGERIE_WORKERS: '3', MENAGERIE_BATCH: '2' });
  expect(await serving(told.url)).toMatchObject({ variant: 'fp32', batch: 2 });
  expect(await (await fetch(`${told.url}/metrics`)).text()).toMatch(/^menagerie_workers_alive 3$/m);
});

test('a variant that loses too much accuracy is measured and not chosen; a dry run writes nothing', {
  timeout: 120_000,
}, async () => {
  const { root, tuned } = await modelDirectory();
  const file = join(root, 'net', 'manifest.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  manifest.variants.int8.top1 = manifest.variants.fp32.top1 - 2.5;
  writeFileSync(file, JSON.stringify(manifest));
  const { tried } = await tune(root, '--dry-run');
  const int8 = tried.filter(({ variant }: { variant: string }) => variant === 'int8');
  expect(int8.length).toBeGreaterThan(0);
  for (const row of int8)
    expect(row).toMatchObject({ chosen: false, objection: expect.stringContaining('2.50 points') });
  expect(existsSync(tuned)).toBe(false);
});

test('a tuned.json that is damaged, of another machine or of the first format is reported and not followed', {
  timeout: 60_000,
}, async () => {
  const machine = { cpu: 'Z80', cores: 1, device: 'cpu', runtime: '1.0.0' };
  const contents = {
    foreign: { goal: 'throughput', machine },
    damaged: { goal: 'everything' },
    old: { format: undefined, lanes: 1 },
  };
  const root = await temporaryFolder();
  for (const [id, content] of Object.entries(contents)) {
    writeFileSync(copyOfNetwork(root, id), JSON.stringify({ ...DESCRIBED, ...content }));
  }
  const ids = Object.keys(contents);
  const server = await serve({ MODEL_DIRS: root, MENAGERIE_MODELS: ids.join() });
  for (const id of ids) {
    expect([id, await serving(server.url, id)]).toEqual([id, expect.objectContaining({ variant: 'fp32' })]);
    await until(() => lines(server.out()).some((line) => /tune/.test(line) && line.includes(id)), `word on ${id}`);
  }
});

test('tune names what it cannot tune', { timeout: 60_000 }, async () => {
  expect(await run(['tune', 'nothing'])).toMatchObject({ status: 1, err: expect.stringContaining('[unknown_model]') });
  expect(await run(['tune', 'vgg19'])).toMatchObject({ status: 1, err: expect.stringContaining('[model_not_pulled]') });
});

/** Whether every user can read this file, through all the folders above it. */
function isOpenToAll(file: string): boolean {
  const folder = dirname(file);
  return (statSync(file).mode & 0o004) !== 0 && (folder === file || isOpenToAll(folder));
}

const isRoot = process.getuid?.() === 0;
// Root may write everywhere else than on a disk that is mounted read-only, so it is another user who tries.
const closed = isRoot && !isOpenToAll(fileURLToPath(import.meta.url));
if (closed) console.log('tune in a read-only folder is not tried: this checkout is closed to other users');

test.skipIf(closed || process.platform !== 'linux')('tune refuses at once what it could not write', async () => {
  const { root, tuned } = await modelDirectory();
  const folder = join(root, 'net');
  const user = isRoot ? { uid: 65534, gid: 65534 } : {};
  chmodSync(root, 0o755);
  chmodSync(folder, 0o555);
  const { status, err } = await run(['tune', 'net', '--seconds', '60'], { MODEL_DIRS: root }, user);
  expect([status, err]).toEqual([1, `cannot write ${tuned}: permission denied [io_error]\n`]);
});

test('tune refuses at once what is no file', async () => {
  const { root, tuned } = await modelDirectory();
  mkdirSync(tuned);
  const { status, err } = await run(['tune', 'net', '--seconds', '60'], { MODEL_DIRS: root });
  expect([status, err]).toEqual([1, `cannot write ${tuned}: it is not a regular file [io_error]\n`]);
});

test('the doctor says what there is, and what is in the way', { timeout: 60_000 }, async () => {
  const healthy = await run(['doctor', '--json']);
  expect(healthy.status).toBe(0);
  const report = JSON.parse(healthy.out);
  expect(report.providers[0]).toMatchObject({ provider: 'cpu', usable: true });
  expect(report.choice.models).toContain('lenet5');
  expect(report.faults).toEqual([]);
  const text = await run(['doctor']);
  expect(text.out).toContain('No problems found.');

  const ill = await run(['doctor'], { PORT: 'none', MENAGERIE_NOSUCH: '1' });
  expect(ill.status).toBe(1);
  expect(ill.out).toMatch(
    /PORT: must be[\s\S]*MENAGERIE_NOSUCH: no such setting|MENAGERIE_NOSUCH: no such setting[\s\S]*PORT/,
  );
});

test.skipIf(cudaObstacle() === undefined)(
  'a device that cannot be had is refused or reported, never passed over',
  { timeout: 60_000 },
  async () => {
    const required = await run(['serve'], { PORT: '0', DEVICE: 'cuda-required', MENAGERIE_MODELS: 'lenet5' });
    expect(required).toMatchObject({
      status: 1,
      err: expect.stringMatching(/DEVICE is cuda-required, but .*\[provider_unavailable\]/),
    });
    expect(await run(['doctor'], { DEVICE: 'cuda-required' })).toMatchObject({ status: 1 });

    // Asked for and not had: the log, the models, the gauge and every reply say so.
    const { url, out } = await serve({ DEVICE: 'cuda' });
    await until(() => /the CPU computes although CUDA was asked for/.test(out()), 'the log to say so');
    const models = (await (await fetch(`${url}/models/lenet5`)).json()) as { serving: { provider_fallback: string } };
    expect(models.serving).toMatchObject({ provider: 'cpu', provider_fallback: expect.stringMatching(/^cuda: /) });
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^menagerie_provider_fallback\{model="lenet5"\} 1$/m);
    const digit = readFileSync(join(MODELS, 'golden/digit-7.png'));
    const reply = await fetch(`${url}/classify?model=lenet5`, {
      method: 'POST',
      headers: { 'content-type': 'image/png' },
      body: digit,
    });
    expect(await reply.json()).toMatchObject({
      model: { provider: 'cpu', provider_fallback: models.serving.provider_fallback },
    });

    // Not asked for: nothing to report.
    const auto = await serve({ DEVICE: 'auto' });
    const plain = await fetch(`${auto.url}/classify?model=lenet5`, {
      method: 'POST',
      headers: { 'content-type': 'image/png' },
      body: digit,
    });
    expect(((await plain.json()) as { model: object }).model).not.toHaveProperty('provider_fallback');
    expect(await (await fetch(`${auto.url}/metrics`)).text()).toMatch(
      /^menagerie_provider_fallback\{model="lenet5"\} 0$/m,
    );
  },
);
