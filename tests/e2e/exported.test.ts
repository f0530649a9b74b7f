import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { at } from '../../src/core/at.js';
import { encodePng } from '../../src/imaging/encode.js';
import { type ClassifyReply, postPicture } from '../support/http-client.js';
import { temporaryFolder } from '../support/model-folders.js';
import { run, serve } from '../support/process.js';

// Networks as torch, tf2onnx and skl2onnx write them (scripts/reference/exported_networks.py): `menagerie add` finds out how to feed
// them, and the server then answers as they did where they were made.

const FIXTURES = fileURLToPath(new URL('../fixtures/exported', import.meta.url));
const SIDE = 8;

function fixture<T>(name: string): T {
  return JSON.parse(readFileSync(join(FIXTURES, `${name}.json`), 'utf8'));
}

/** The network, and how its pictures were prepared where it was made: pixels are from 0 to 16 there. */
const NETWORKS = [
  ['torch', { preparation: '0..1 exact', layout: 'NCHW', kind: 'logits' }],
  ['tf2onnx', { preparation: '0..1 exact', layout: 'NHWC', kind: 'probabilities' }],
  ['skl-perceptron', { preparation: '0..16 exact', layout: 'NHWC', kind: 'probabilities' }],
  ['skl-logistic', { preparation: '0..16 exact', layout: 'NHWC', kind: 'probabilities' }],
] as const;

/** The digits as PNG files, in one folder per class. */
async function writeDigits(): Promise<{ data: string; files: Buffer[] }> {
  const { labels, pixels } = fixture<{ labels: number[]; pixels: string }>('digits');
  const bytes = Buffer.from(pixels, 'base64');
  const data = join(await temporaryFolder(), 'digits');
  const files: Buffer[] = [];
  for (const [i, label] of labels.entries()) {
    const grey = bytes.subarray(i * SIDE * SIDE, (i + 1) * SIDE * SIDE);
    const rgb = Uint8Array.from({ length: 3 * grey.length }, (_, k) =>
      Math.round(at(grey, Math.floor(k / 3)) * (255 / 16)),
    );
    const file = await encodePng({ data: rgb, width: SIDE, height: SIDE });
    mkdirSync(join(data, String(label)), { recursive: true });
    writeFileSync(join(data, String(label), `${i}.png`), file);
    files.push(Buffer.from(file));
  }
  return { data, files };
}

describe('a network without a manifest, as exporters write it', () => {
  it('is fed rightly, and served', { timeout: 300_000 }, async () => {
    const { data, files } = await writeDigits();
    const to = await temporaryFolder();
    for (const [name, { preparation, layout, kind }] of NETWORKS) {
      const added = await run([
        'add',
        join(FIXTURES, `${name}.onnx`),
        '--data',
        data,
        '--to',
        to,
        '--workers',
        '1',
        '--json',
      ]);
      expect([name, added.err, added.status]).toEqual([name, '', 0]);
      expect(JSON.parse(added.out).chosen).toMatchObject({ preparation, labels: 'digits' });
      const manifest = JSON.parse(readFileSync(join(to, name, 'manifest.json'), 'utf8'));
      expect([manifest.input.layout, manifest.output.kind]).toEqual([layout, kind]);
    }

    const { url } = await serve({ MODEL_DIRS: to, MENAGERIE_MODELS: NETWORKS.map(([name]) => name).join(',') });
    for (const [name] of NETWORKS) {
      const { answers } = fixture<{ answers: number[][] }>(name);
      for (const [i, answer] of answers.entries()) {
        const reply = await postPicture(url, new Uint8Array(files[i] as Buffer), { query: `model=${name}&top_k=10` });
        const { results } = (await reply.json()) as ClassifyReply;
        const scores = new Map(results[0]?.predictions?.map(({ label, score }) => [label, score]));
        // Pixels of 256 levels, where they have 17.
        for (const [digit, score] of answer.entries()) expect(scores.get(String(digit))).toBeCloseTo(score, 2);
      }
    }
  });
});
