import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, type Tensor } from 'onnxruntime-node';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Manifest } from '../../src/core/manifest/manifest.js';
import type { Picture } from '../../src/core/pixels/picture.js';
import { cropViews, geometryOf } from '../../src/core/views/views.js';
import { decode } from '../../src/imaging/decode.js';
import { Network } from '../../src/runtime/instances/network.js';
import type { NetworkOutcome } from '../../src/runtime/instances/run-together.js';
import { Sessions } from '../../src/runtime/instances/sessions.js';
import { InputTensor } from '../../src/runtime/networks/input-tensor.js';
import type { NetworkSpec } from '../../src/runtime/networks/network-spec.js';
import { assetsDir } from '../support/assets.js';
import { rendered, scoresOn } from '../support/networks.js';

// A picture gets the same scores alone and among others, wherever it stands, whatever the file takes at a time.

const assets = assetsDir();
if (!assets) console.warn('tests/golden/batching.test.ts is skipped: there are no assets (set ASSETS_DIR)');

const TORCH = { scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const PHOTO = { mode: 'shorter_side', size: 256, filter: 'bilinear' } as const;
const TINY = { mode: 'shorter_side', size: 32, filter: 'bilinear' } as const;

function specOf(
  id: string,
  name: string,
  side: number,
  preprocess: Omit<Manifest['preprocess'], 'color'> & { color?: 'GRAY' },
  rest: Partial<NetworkSpec> = {},
): NetworkSpec {
  return {
    key: id,
    file: join(assets ?? '', 'models', `${id}.onnx`),
    labels: 1000,
    bytes: 0,
    input: { name, layout: 'NCHW', width: side, height: side },
    preprocess: { color: 'RGB', ...preprocess },
    output: { name: 'logits', kind: 'logits' },
    batch: 'dynamic',
    ...rest,
  };
}
const HALF = { scale: 1 / 255, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
const DIGIT = { resize: { mode: 'digit' }, color: 'GRAY', mean: [0], std: [1] } as const;
const NETWORKS = [
  specOf('squeezenet1.1', 'data', 224, { resize: PHOTO, ...TORCH }),
  specOf('mobilenetv2', 'input', 224, { resize: PHOTO, ...HALF }),
  specOf('cifar10-resnet20', 'input', 32, { resize: TINY, ...TORCH }, { labels: 10 }),
];
/** The first says itself that it takes one picture; the other takes any number, whatever its manifest says. */
const DIGITS = [
  specOf(
    'mnist-12',
    'Input3',
    28,
    { ...DIGIT, mean: [0], std: [1], scale: 1 },
    { output: { name: 'Plus214_Output_0', kind: 'logits' }, labels: 10 },
  ),
  specOf('lenet5-32x32', 'input', 32, { ...DIGIT, scale: 1 / 255, mean: [0.1307], std: [0.3081] }, { labels: 10 }),
];

async function load(spec: NetworkSpec, batch?: number): Promise<Network> {
  const network = await Network.load(spec, { device: 'cpu', threads: 1, batch }, new Sessions());
  onTestFinished(() => network.release());
  return network;
}

const read = (file: string) =>
  decode(readFileSync(join(assets ?? '', 'images', file)), false, { maxPixels: 50_000_000 });
const FILES = ['triton_vulture.jpeg', 'burn_coyote.jpg', 'triton_car.jpg', 'caffe_cat_gray.jpg', 'grace_hopper.jpg'];

function scoresOf(outcome: NetworkOutcome | undefined): Float32Array {
  if (!outcome) throw new Error('no outcome');
  if ('error' in outcome) throw outcome.error;
  return outcome.scores;
}

function expectClose(found: Float32Array, expected: Float32Array): void {
  expect(found.length).toBe(expected.length);
  const difference = found.reduce((max, score, i) => Math.max(max, Math.abs(score - (expected[i] as number))), 0);
  expect(difference).toBeLessThanOrEqual(1e-4);
}

/** The sessions' own method: it is called once for each run of a network. */
const { prototype } = InferenceSession as unknown as { prototype: InferenceSession };
const runs = () => vi.spyOn(prototype, 'run');
const rowsOf = (spy: ReturnType<typeof runs>) =>
  spy.mock.calls.map(([feeds]) => Object.values(feeds as Record<string, Tensor>)[0]?.dims[0]);
afterEach(() => {
  vi.restoreAllMocks();
});

describe.skipIf(!assets).each(NETWORKS)('$key', (spec) => {
  const geometry = geometryOf(spec);
  const input = (picture: Picture, crops: 1 | 5 | 10 = 1) =>
    rendered(picture, geometry, cropViews(picture, geometry, crops));

  test('scores do not depend on the place in a batch or on the others in it', async () => {
    const pictures = await Promise.all(FILES.map(read));
    const single = await load(spec, 1);
    const alone: Float32Array[] = [];
    for (const picture of pictures) {
      alone.push(scoresOf((await scoresOn(single, [input(picture)], new InputTensor())).outcomes[0]));
    }
    const network = await load(spec, 4);
    expect([single.info.batch, network.info.batch]).toEqual([1, 4]);
    const spy = runs();
    for (let first = 0; first < pictures.length; first++) {
      const order = [0, 1, 2, 3].map((i) => (first + i) % pictures.length);
      const { outcomes } = await scoresOn(
        network,
        order.map((i) => input(pictures[i] as Picture)),
        new InputTensor(),
      );
      for (const [place, i] of order.entries()) expectClose(scoresOf(outcomes[place]), alone[i] as Float32Array);
    }
    expect(rowsOf(spy)).toEqual(Array(pictures.length).fill(4));
  });

  test('inputs of several rows, and parts of others, share a run', async () => {
    const [first, second] = [await read('triton_vulture.jpeg'), await read('burn_coyote.jpg')];
    const single = await load(spec, 1);
    const five = input(first, 5);
    const views = cropViews(second, geometry, 10);
    const last = Math.min(views.length, 6);
    const part = rendered(second, geometry, views, 1, last);
    const expected = await Promise.all(
      [five, rendered(second, geometry, views.slice(1, last))].map(async (one) =>
        scoresOf((await scoresOn(single, [one], new InputTensor())).outcomes[0]),
      ),
    );
    const network = await load(spec, 4);
    const spy = runs();
    const tensor = new InputTensor();
    for (let again = 0; again < 2; again++) {
      const { outcomes } = await scoresOn(network, [five, part], tensor);
      for (const i of [0, 1]) expectClose(scoresOf(outcomes[i]), expected[i] as Float32Array);
    }
    const together = five.rows + last - 1;
    expect(rowsOf(spy)).toEqual([together, together]);
  });

  test('inputs whose run failed are tried alone', async () => {
    const network = await load(spec, 4);
    const inputs = [input(await read('triton_vulture.jpeg')), input(await read('burn_coyote.jpg'), 5)];
    const run = async (some: typeof inputs) => (await scoresOn(network, some, new InputTensor())).outcomes;
    const expected = [...(await run(inputs.slice(0, 1))), ...(await run(inputs.slice(1)))];
    runs().mockRejectedValueOnce(new Error('no'));
    for (const [i, outcome] of (await run(inputs)).entries()) {
      expectClose(scoresOf(outcome), scoresOf(expected[i]));
    }
    const errors = async () => (await run(inputs)).map((outcome) => 'error' in outcome && outcome.error);
    runs().mockRejectedValue(new Error('no'));
    expect(await errors()).toEqual([new Error('no'), new Error('no')]);
    // That memory was refused is told from a fault of the network.
    runs().mockRejectedValue(new Error('std::bad_alloc'));
    const refused = expect.objectContaining({ code: 'memory_exceeded' });
    expect(await errors()).toEqual([refused, refused]);
  });
});

describe.skipIf(!assets).each(DIGITS)('$key', (spec) => {
  const SHOWN = [0, 3, 5, 7];
  const geometry = geometryOf(spec);
  const inputs = async () =>
    (await Promise.all(SHOWN.map((digit) => read(`digit_${digit}.jpg`)))).map((picture) =>
      rendered(picture, geometry, cropViews(picture, geometry, 1)),
    );
  const best = (scores: Float32Array) => scores.indexOf(Math.max(...scores));

  test.each([
    { batch: 1, claim: 'takes one', wanted: undefined },
    { batch: 1, claim: 'takes one', wanted: 4 },
    { batch: 'dynamic', claim: 'takes any number', wanted: undefined },
    { batch: 'dynamic', claim: 'takes any number', wanted: 4 },
  ] as const)(
    'of a manifest that says it $claim reads several digits, batches of $wanted',
    async ({ batch, wanted }) => {
      const network = await load({ ...spec, batch }, wanted);
      // What the file itself says goes before the manifest.
      const oneByOne = batch === 1 || spec.key === 'mnist-12';
      if (oneByOne) expect(network.info.batch).toBe(1);
      else if (wanted) expect(network.info.batch).toBe(wanted);
      const spy = runs();
      const { outcomes } = await scoresOn(network, await inputs(), new InputTensor());
      expect(outcomes.map((outcome) => best(scoresOf(outcome)))).toEqual(SHOWN);
      if (oneByOne) expect(rowsOf(spy)).toEqual([1, 1, 1, 1]);
      else if (wanted) expect(rowsOf(spy)).toEqual([4]);
    },
  );
});
