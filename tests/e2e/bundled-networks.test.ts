import { execFileSync } from 'node:child_process';
import { cp, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { assetsDir } from '../support/assets.js';
import { type ClassifyReply, formOf, postPicture } from '../support/http-client.js';
import { temporaryFolder } from '../support/model-folders.js';
import { run, serve } from '../support/process.js';
import { until } from '../support/worker-script.js';

// The networks that come along, on the server as it starts without settings.

const models = fileURLToPath(new URL('../../models', import.meta.url));
const cifar10 = (await readdir(models)).filter((name) => name.startsWith('cifar10-')).sort();
const airplane = new Uint8Array(await readFile(join(models, 'golden/airplane.png')));
const espresso = new Uint8Array(await readFile(join(models, 'golden/coffee.jpg')));
/** As if nothing had been said: every model that is there. */
const ALL = { MENAGERIE_MODELS: '', MENAGERIE_WORKERS: '2' };
const cifar10Server = await serve({ MENAGERIE_MODELS: 'cifar10-all', MENAGERIE_WORKERS: '2' });

describe('the server as it starts', () => {
  it('is ready when it can name photographs and read digits, chooses as the command does, and loads the others', async () => {
    const { url } = await serve(ALL);
    const stateOf = async (id: string) =>
      ((await (await fetch(`${url}/models/${id}`)).json()) as { state: string }).state;
    for (const id of ['efficientnet-lite2', 'lenet5']) expect(await stateOf(id)).toBe('ready');
    const reply = await postPicture(url, espresso, { query: 'top_k=1' });
    expect(reply.status).toBe(200);
    const { model, results } = (await reply.json()) as ClassifyReply & { model: { chosen_because: string } };
    expect(results[0]?.predictions?.[0]?.label).toBe('espresso');
    expect(model.id).toBe('efficientnet-lite2');
    expect(model.chosen_because).toMatch(
      /models that serve it is the best for photographs, with 1000 classes and a top-1/,
    );
    for (const id of ['efficientnet-lite0', ...cifar10])
      await until(async () => (await stateOf(id)) === 'ready', `${id} to follow`);

    const grouped = await postPicture(url, espresso, { query: 'model=efficientnet-lite&group=broad&min_score=0.2' });
    const { results: groups } = (await grouped.json()) as ClassifyReply;
    const food = [{ label: 'food', short_name: 'food', score: expect.any(Number) }];
    expect(groups[0]?.predictions).toEqual(food);

    const { out } = await run(['classify', '--json', join(models, 'golden/coffee.jpg')]);
    const [best] = JSON.parse(out).predictions;
    expect([best.label, best.score]).toEqual(['espresso', results[0]?.predictions?.[0]?.score]);
    const args = ['classify', '-m', 'efficientnet-lite', '--group', 'broad', '--min-score', '0.2', '--json'];
    const together = JSON.parse((await run([...args, join(models, 'golden/coffee.jpg')])).out);
    expect(together.predictions).toEqual(groups[0]?.predictions);
    expect(together.members).toEqual(
      ['efficientnet-lite0', 'efficientnet-lite2'].map((id) => ({ model: id, predictions: food })),
    );
  });
});

describe('the networks for CIFAR-10', () => {
  it('alone are asked about photographs, and answer together under one name', async () => {
    const { url } = cifar10Server;
    const alone = await postPicture(url, airplane, { query: 'top_k=1' });
    expect(alone.status).toBe(200);
    const { model, results: answers } = (await alone.json()) as ClassifyReply & { model: { chosen_because: string } };
    expect(answers[0]?.predictions?.[0]?.label).toBe('airplane');
    expect(model.id).toMatch(/^cifar10-/);
    expect(model.chosen_because).toMatch(
      /models that serve it is the best for photographs, with 10 classes and a top-1/,
    );
    const reply = await postPicture(url, airplane, { query: 'model=cifar10-all&tta=mirror' });
    expect(reply.status).toBe(200);
    const { ensemble, results } = (await reply.json()) as ClassifyReply;
    expect(ensemble?.members.map(({ id }) => id).sort()).toEqual(cifar10);
    expect(results[0]).toMatchObject({
      predictions: [{ label: 'airplane' }, {}, {}, {}, {}],
      agreement: { votes: cifar10.length, members: cifar10.length },
    });
  });
});

const assets = assetsDir();
describe.skipIf(!assets)('on test pictures of CIFAR-10 (skipped without the assets folder)', () => {
  const PER_CLASS = 50;
  const PER_REQUEST = 16;

  it('is right as often over HTTP as in process', { timeout: 240_000 }, async () => {
    const archive = await temporaryFolder();
    execFileSync('tar', ['xJf', join(assets ?? '', 'datasets/cifar10-jpeg.tar.xz'), '-C', archive, 'cifar10/test']);
    const root = await temporaryFolder();
    const pictures: { label: string; file: string }[] = [];
    for (const label of await readdir(join(archive, 'cifar10/test'))) {
      await mkdir(join(root, label));
      const files = (await readdir(join(archive, 'cifar10/test', label))).sort().slice(0, PER_CLASS);
      for (const name of files) {
        const file = join(root, label, name);
        await cp(join(archive, 'cifar10/test', label, name), file);
        pictures.push({ label, file });
      }
    }
    expect(pictures).toHaveLength(10 * PER_CLASS);

    const { url } = cifar10Server;
    let right = 0;
    for (let i = 0; i < pictures.length; i += PER_REQUEST) {
      const some = pictures.slice(i, i + PER_REQUEST);
      const files = await Promise.all(some.map(async ({ file }) => new Uint8Array(await readFile(file))));
      const reply = await fetch(`${url}/classify?model=cifar10-resnet20&top_k=1`, {
        method: 'POST',
        body: formOf(...files),
      });
      const { results } = (await reply.json()) as ClassifyReply;
      for (const [k, { label }] of some.entries()) if (results[k]?.predictions?.[0]?.label === label) right++;
    }
    const { out } = await run(['eval', 'cifar10-resnet20', '--data', root, '--json']);
    const { top1, images } = JSON.parse(out);
    expect([right / pictures.length, images]).toEqual([top1, pictures.length]);
    // The manifest's figure is of all 10,000; of 500 chance makes three points.
    const { variants } = JSON.parse(await readFile(join(models, 'cifar10-resnet20/manifest.json'), 'utf8'));
    expect(Math.abs(100 * top1 - variants.fp32.top1)).toBeLessThan(5);
  });
});
