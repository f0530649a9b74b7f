import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, test } from 'vitest';
import { renderViews } from '../../src/core/views/render.js';
import { PLAIN_VIEW_OPTIONS, viewsOf } from '../../src/core/views/test-time.js';
import { type Geometry, geometryOf } from '../../src/core/views/views.js';
import { decode } from '../../src/imaging/decode.js';
import { Network } from '../../src/runtime/instances/network.js';
import { Sessions } from '../../src/runtime/instances/sessions.js';
import { InputTensor } from '../../src/runtime/networks/input-tensor.js';
import type { NetworkSpec } from '../../src/runtime/networks/network-spec.js';
import { rendered, scoresOn, turn } from '../support/networks.js';
import { startPool } from '../support/server.js';
import { statOfThreads } from '../support/threads.js';

// Workers as they are built.

const REAL = new URL('../../dist/runtime/workers/inside/worker-main.js', import.meta.url);
const AIRPLANE = readFileSync(new URL('../../models/golden/airplane.png', import.meta.url));
const MAX_PIXELS = 1_000_000;

const GEOMETRY: Geometry = {
  input: { width: 32, height: 32 },
  resize: { mode: 'shorter_side', size: 40, filter: 'bilinear' },
  color: 'RGB',
};
const VIEW_OPTIONS = [PLAIN_VIEW_OPTIONS, { ...PLAIN_VIEW_OPTIONS, crops: 5 as const }];

function start(options: Parameters<typeof startPool>[0] = {}) {
  const replaced: string[] = [];
  const workerReplaced = (_worker: number, reason: string) => void replaced.push(reason);
  const pool = startPool({ script: REAL, maxPixels: MAX_PIXELS, ...options, events: { workerReplaced } });
  const render = (bytes: Uint8Array, autoOrient = true) =>
    pool.render(
      { bytes, heavy: false },
      { autoOrient, renderings: VIEW_OPTIONS.map((viewOptions) => ({ geometry: GEOMETRY, viewOptions })) },
      turn(),
    );
  return { pool, replaced, render };
}

describe('a worker', () => {
  it('decodes and renders what the same code does here', async () => {
    const { render } = start();
    const picture = await decode(AIRPLANE, true, { maxPixels: MAX_PIXELS });
    const { picture: facts, renderings } = await render(AIRPLANE);
    expect([facts.width, facts.height, facts.format]).toEqual([picture.width, picture.height, 'png']);
    expect(renderings).toHaveLength(VIEW_OPTIONS.length);
    for (const [i, viewOptions] of VIEW_OPTIONS.entries()) {
      const views = viewsOf(picture, GEOMETRY, viewOptions);
      expect(renderings[i]?.counts).toEqual(views.map(({ count }) => count));
      expect(Buffer.compare(renderings[i]?.pixels as Uint8Array, renderViews(picture, GEOMETRY, views))).toBe(0);
    }
  });

  it('that has only just been started is given pictures larger than what arrives at once', async () => {
    const { pool, replaced, render } = start({ workers: 2 });
    // Beyond the end of the picture there is nothing that is read.
    const large = Buffer.concat([AIRPLANE, Buffer.alloc(2 * 1024 * 1024)]);
    const outcomes = await Promise.all(Array.from({ length: 4 }, () => render(large)));
    expect(outcomes.map(({ picture }) => picture.format)).toEqual(Array(4).fill('png'));
    expect([replaced, pool.workers.alive]).toEqual([[], 2]);
  });

  it('has a network say of a picture what the same code has it say here', async () => {
    const { pool } = start();
    const { input, preprocess, output, batch } = JSON.parse(
      readFileSync(new URL('../../models/cifar10-resnet20/manifest.json', import.meta.url), 'utf8'),
    );
    const file = fileURLToPath(new URL('../../models/cifar10-resnet20/cifar10-resnet20.onnx', import.meta.url));
    const spec: NetworkSpec = { key: 'n', file, labels: 10, bytes: 0, input, preprocess, output, batch };
    const { sha256, classes } = await pool.load(spec, 1);
    expect([sha256, classes]).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/), 10]);
    const picture = await decode(AIRPLANE, true, { maxPixels: MAX_PIXELS });
    const network = await Network.load(spec, { device: 'cpu', threads: 1, batch: 1 }, new Sessions());
    const views = viewsOf(picture, geometryOf(spec), PLAIN_VIEW_OPTIONS);
    const { outcomes } = await scoresOn(network, [rendered(picture, geometryOf(spec), views)], new InputTensor());
    await network.release();
    const request = { autoOrient: true, viewOptions: PLAIN_VIEW_OPTIONS };
    const result = await pool.classify('n', { bytes: AIRPLANE, heavy: false }, request, 1, turn());
    expect(outcomes).toEqual([{ scores: result.scores }]);
    expect(result.picture).toMatchObject({ width: picture.width, height: picture.height, format: 'png' });
    expect(result.counts).toEqual([1]);
  });

  it('decodes all formats that are accepted', async () => {
    const folder = new URL('../fixtures/pictures/', import.meta.url);
    const { formats } = JSON.parse(readFileSync(new URL('reference.json', folder), 'utf8'));
    const { render } = start();
    for (const [name, size] of Object.entries(formats)) {
      const { picture } = await render(readFileSync(new URL(name, folder)), false);
      expect([name, picture]).toEqual([name, expect.objectContaining(size)]);
    }
  });

  it('leaves libvips no loaders but those of the accepted formats', async () => {
    const calls = new URL('../../dist/runtime/workers/inside/worker-calls.js', import.meta.url).href;
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>';
    const program = (what: string) => `
      import sharp from 'sharp';
      ${what}
      console.log(await sharp(Buffer.from('${svg}')).png().toBuffer().then(() => 'loaded', ({ message }) => message));
    `;
    const said = async (what: string) => {
      const args = ['--input-type=module', '--eval', program(what)];
      return (await promisify(execFile)(process.execPath, args)).stdout.trim();
    };
    expect(await said('')).toBe('loaded');
    // What the first call to a worker that reads pictures does.
    const start = `
      const { answerCall } = await import(${JSON.stringify(calls)});
      await answerCall({ kind: 'start', id: 1, ask: { settings: { decode: {} } } }, []);
    `;
    expect(await said(start)).toMatch(/blocked|unsupported/);
  });

  it('says what is wrong with a picture, and goes on', async () => {
    const { replaced, render, pool } = start();
    const pids = pool.pids;
    const wide = Buffer.from(AIRPLANE);
    wide.writeUInt32BE(100_000, 16);
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>');
    for (const [bytes, code] of [
      [new Uint8Array(100), 'not_an_image'],
      [new Uint8Array(), 'empty_body'],
      [new Uint8Array([0xff, 0xd8, 0xff, 0xe0]), 'corrupt_image'],
      [wide, 'too_many_pixels'],
      [svg, 'unsupported_image_format'],
    ] as const) {
      await expect(render(bytes)).rejects.toMatchObject({ code });
    }
    await expect(render(AIRPLANE)).resolves.toMatchObject({ picture: { format: 'png' } });
    expect([replaced, pool.pids]).toEqual([[], pids]);
  });

  test.runIf(process.platform === 'linux')(
    'runs with all of its threads behind the server, which stays where it is',
    async () => {
      const before = getPriority();
      const { pool, render } = start();
      await render(AIRPLANE);
      const [pid = 0] = pool.pids;
      const NICENESS = 19;
      const threads = statOfThreads(pid, NICENESS);
      expect(threads.length).toBeGreaterThan(1);
      expect(new Set(threads)).toEqual(new Set([Math.min(19, before + 5)]));
      expect(getPriority()).toBe(before);
    },
  );
});
