import { execFileSync } from 'node:child_process';
import { cp, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { assetsDir } from '../support/assets.js';
import { type ClassifyReply, formOf, postPicture } from '../support/http-client.js';
import { temporaryFolder } from '../support/model-folders.js';
import { run, serve } from '../support/process.js';

// The networks for CIFAR-10 that come along.

const models = fileURLToPath(new URL('../../models', import.meta.url));
const airplane = new Uint8Array(await readFile(join(models, 'golden/airplane.png')));
/** The eight of them. */
const ALL = { MENAGERIE_MODELS: 'cifar10-all', MENAGERIE_WORKERS: '2' };

describe('the networks for CIFAR-10', () => {
  it('answers about a photograph without being told which network to ask, and says which it asked and why', async () => {
    const { url } = await serve(ALL);
    const reply = await postPicture(url, airplane, { query: 'top_k=1' });
    expect(reply.status).toBe(200);
    const { model, results } = (await reply.json()) as ClassifyReply & { model: { chosen_because: string } };
    expect(results[0]?.predictions?.[0]?.label).toBe('airplane');
    expect(model.id).toMatch(/^cifar10-/);
    expect(model.chosen_because).toMatch(
      /models that serve it is the best for photographs, with 10 classes and a top-1/,
    );
  });

  it('has the family answer together under one name', async () => {
    const { url } = await serve(ALL);
    const reply = await postPicture(url, airplane, { query: 'model=cifar10-all&tta=mirror' });
    expect(reply.status).toBe(200);
    const { ensemble, results } = (await reply.json()) as ClassifyReply;
    const bundled = (await readdir(models)).filter((name) => name.startsWith('cifar10-'));
    expect(ensemble?.members.map(({ id }) => id).sort()).toEqual(bundled.sort());
    expect(results[0]).toMatchObject({
      predictions: [{ label: 'airplane' }, {}, {}, {}, {}],
      agreement: { votes: bundled.length, members: bundled.length },
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

    const { url } = await serve(ALL);
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
