import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { statOf, treeOf } from '../../src/system/process-tree.js';
import { temporaryFolder } from '../support/model-folders.js';
import { type Running, run, serve, start } from '../support/process.js';
import { until } from '../support/worker-script.js';

const MODELS = fileURLToPath(new URL('../../models', import.meta.url));
const DIGIT = join(MODELS, 'golden/digit-7.png');
const ONE_WORKER = { MENAGERIE_WORKERS: '1' };
const TIMEOUT = { timeout: 120_000 };

/** What it has started by now, and these have. */
const started = ({ child }: Running) => treeOf(child.pid ?? 0).slice(1);
const children = ({ child }: Running) =>
  started({ child } as Running).filter((pid) => statOf(pid)?.parent === child.pid);
const isThere = (pid: number) => statOf(pid) !== undefined;

test('a model is measured, served and bare', TIMEOUT, async () => {
  const args = ['lenet5:fp32', '--duration', '1', '--connections', '1,4', '--picture', DIGIT, DIGIT, '--json'];
  const { status, out, err } = await run(['bench', ...args], {
    MENAGERIE_WORKERS: '2',
    MENAGERIE_DRAIN_DELAY_MS: '60000',
  });
  expect([status, err]).toEqual([0, '']);
  const { machine, run: facts, levels } = JSON.parse(out);
  expect(machine).toMatchObject({ node: process.versions.node, cores: expect.any(Number) });
  expect(facts).toEqual({
    model: 'lenet5',
    variant: 'fp32',
    provider: 'cpu',
    workers: 2,
    threads: 1,
    url: null,
    pictures: [DIGIT, DIGIT],
    body: 'form',
    duration_s: 1,
  });
  expect(levels.map(({ connections }: { connections: number }) => connections)).toEqual([1, 4]);
  for (const level of levels) {
    expect(level.failed).toBe(0);
    expect(level.images_per_s).toBeGreaterThan(0);
    expect(level.p50_ms).toBeLessThanOrEqual(level.p99_ms);
    // LeNet-5 takes much less than reading its picture.
    expect(level.bare_images_per_s).toBeGreaterThan(level.images_per_s);
    expect(level.ratio).toBeCloseTo(level.images_per_s / level.bare_images_per_s, 3);
    if (process.platform !== 'linux') continue;
    expect(level.cpu_ms_per_image).toBeGreaterThan(0);
    expect(level.bare_cpu_ms_per_image).toBeGreaterThan(0);
    expect(level.bare_cpu_ms_per_image).toBeLessThan(level.cpu_ms_per_image);
    // Three processes of Node.
    expect(level.memory_bytes).toBeGreaterThan(5e7);
  }
});

describe('a server that runs already', () => {
  test('is loaded, and not ended, and asked for a model that it has', TIMEOUT, async () => {
    const { url } = await serve();
    const args = ['lenet5', '--url', url, '--duration', '1', '--connections', '2', '--raw'];
    const { status, out, err } = await run(['bench', ...args]);
    expect([status, err]).toEqual([0, '']);
    expect(out).toContain(`lenet5 (fp32 on cpu), ${url}/; ${DIGIT}, as the body`);
    expect(out).not.toMatch(/BARE|CPU ms/);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);

    const ended = await run(['bench', 'cifar10-vgg16', '--url', url, '--picture', DIGIT]);
    expect(ended).toMatchObject({ status: 1, out: '' });
    expect(ended.err).toMatch(/digit-7\.png: the server answers: .*\[model_not_loaded\]\n$/);
  });

  test('that refuses requests makes the exit status 1', TIMEOUT, async () => {
    const { url } = await serve({ MENAGERIE_QUEUE: '1' });
    const args = ['lenet5', '--url', url, '--duration', '1', '--connections', '64', '--json'];
    const { status, out, err } = await run(['bench', ...args]);
    expect([status, err]).toEqual([
      1,
      expect.stringMatching(/^Requests failed with 64 connections: \d+ x status 503\n$/),
    ]);
    const [{ failed, cpu_ms_per_image, memory_bytes, bare_images_per_s, ratio }] = JSON.parse(out).levels;
    expect(failed).toBeGreaterThan(0);
    expect([cpu_ms_per_image, memory_bytes, bare_images_per_s, ratio]).toEqual([null, null, null, null]);
  });
});

test('a picture that the server refuses is named', TIMEOUT, async () => {
  const labels = join(MODELS, 'labels/imagenet.txt');
  const ended = await run(['bench', 'lenet5', '--picture', DIGIT, labels], ONE_WORKER);
  expect(ended).toMatchObject({ status: 1, out: '' });
  expect(ended.err).toMatch(/imagenet\.txt: the server answers: .*\[not_an_image\]\n$/);
});

describe('a server that does not start', () => {
  test('is reported in its own words', TIMEOUT, async () => {
    const { status, out, err } = await run(['bench', 'lenet5'], { MENAGERIE_ADMIN_KEY_FILE: '/none' });
    expect([status, out]).toEqual([1, '']);
    expect(err).toMatch(
      /^The server ended\. It said:\nMENAGERIE_ADMIN_KEY_FILE: .*\[invalid_config\] \[server_failed\]\n$/,
    );
  });

  test('or cannot load the model', TIMEOUT, async () => {
    const root = await temporaryFolder();
    cpSync(join(MODELS, 'lenet5'), join(root, 'net'), { recursive: true });
    const manifest = JSON.parse(readFileSync(join(root, 'net/manifest.json'), 'utf8'));
    writeFileSync(join(root, 'net/manifest.json'), JSON.stringify({ ...manifest, id: 'net', golden: undefined }));
    const weights = join(root, 'net', manifest.variants.fp32.file);
    writeFileSync(weights, readFileSync(weights).fill(0, 1000, 2000));
    const ended = await run(['bench', 'net', '--picture', DIGIT], { MODEL_DIRS: root, ...ONE_WORKER });
    expect(ended).toMatchObject({ status: 1, out: '' });
    expect(ended.err).toMatch(/^The server cannot load net: .*SHA-256.*\[server_failed\]\n$/);
  });
});

describe.runIf(process.platform === 'linux')('no process is left', () => {
  const bench = () => start(['bench', 'lenet5', '--duration', '60', '--connections', '2'], ONE_WORKER);

  test.each([
    ['while the server starts', 'SIGINT', (running: Running) => started(running).length >= 1],
    ['while the server loads', 'SIGTERM', (running: Running) => started(running).length >= 2],
    ['while the bare network loads', 'SIGINT', (running: Running) => children(running).length >= 2],
  ] as const)('interrupted %s', TIMEOUT, async (_when, signal, begun) => {
    const running = bench();
    await until(async () => begun(running), 'it to have begun');
    const pids = started(running);
    running.child.kill(signal);
    expect(await running.ended).toMatchObject({ status: 1, out: '', err: 'Interrupted.\n' });
    await until(async () => !pids.some(isThere), 'all processes to end');
  });

  test.each(['SIGINT', 'SIGKILL'] as const)('ended by %s under load', TIMEOUT, async (signal) => {
    const running = bench();
    await until(async () => children(running).length >= 2, 'the bare network to load');
    await sleep(1000);
    const pids = started(running);
    running.child.kill(signal);
    expect((await running.ended).status).toBe(signal === 'SIGINT' ? 1 : 'SIGKILL');
    await until(async () => !pids.some(isThere), 'all processes to end');
  });

  test('after the server was killed', TIMEOUT, async () => {
    const running = bench();
    await until(async () => children(running).length >= 2, 'the bare network to load');
    const pids = started(running);
    const server = pids.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('\0serve'));
    process.kill(server ?? 0, 'SIGKILL');
    expect(await running.ended).toMatchObject({
      status: 1,
      err: expect.stringMatching(/^The server ended\. It said:\nmenagerie .* listens on [\s\S]*\[server_failed\]\n$/),
    });
    await until(async () => !pids.some(isThere), 'all processes to end');
  });
});
