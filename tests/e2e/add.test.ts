import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { integer, node } from '../../scripts/torture/onnx-fields.mjs';
import { createRandom, type Random } from '../../src/core/random.js';
import { encodePng } from '../../src/imaging/encode.js';
import { colourNetwork, GAIN, INT64, SIDE } from '../support/colour-networks.js';
import { temporaryFolder } from '../support/model-folders.js';
import { run } from '../support/process.js';

// `menagerie add` with a network that gives GAIN times the mean of each channel, from 0 to 1. Labels are drawn with the probabilities
// that follow, so that the right preparation is the likeliest one, and any other contrast or order of the channels is less likely.

const CLASSES = ['blueish', 'greenish', 'reddish'];
/** The channels of the classes: the network's scores are red, green, blue. */
const ORDER = [2, 1, 0];

function drawFrom([first = 0, second = 0]: number[], random: Random): number {
  const at = random.uniform(0, 1);
  return at < first ? 0 : at < first + second ? 1 : 2;
}

/** Pictures of one colour each, in one folder per class. @param draw a channel; default: drawn with its probability */
async function dataOf(count: number, draw?: () => number): Promise<string> {
  const random = createRandom(5);
  const folder = join(await temporaryFolder(), 'data');
  for (const name of CLASSES) mkdirSync(join(folder, name), { recursive: true });
  for (let i = 0; i < count; i++) {
    const pixel = [0, 1, 2].map(() => random.integer(256));
    const powers = pixel.map((byte) => Math.exp((GAIN * byte) / 255));
    const probabilities = powers.map((power) => power / powers.reduce((a, b) => a + b));
    const channel = draw?.() ?? drawFrom(probabilities, random);
    const data = Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, k) => pixel[k % 3] ?? 0);
    const file = join(folder, CLASSES[ORDER.indexOf(channel)] ?? '', `${i}.png`);
    writeFileSync(file, await encodePng({ data, width: SIDE, height: SIDE }));
  }
  return folder;
}

/** A file with the network, its classes in the order of the folders' names. */
async function networkFile(form: Parameters<typeof colourNetwork>[0] = {}): Promise<string> {
  // Blue, green, red: the channels in reverse.
  const reverse = [
    node('Split', ['scores'], ['r', 'g', 'b'], [integer('axis', 1)]),
    node('Concat', ['b', 'g', 'r'], ['answer'], [integer('axis', 1)]),
  ];
  const file = join(await temporaryFolder(), 'My Colours.onnx');
  writeFileSync(file, colourNetwork({ head: reverse, ...form }));
  return file;
}

describe('menagerie add', () => {
  test('finds out how to feed a network, and makes it a model that serves', async () => {
    const [file, data, to] = [await networkFile(), await dataOf(200), await temporaryFolder()];
    const added = await run(['add', file, '--data', data, '--to', to, '--workers', '1', '--json', '--licence', 'MIT']);
    expect(added.err).toBe('');
    const report = JSON.parse(added.out);
    expect(report).toMatchObject({
      id: 'my-colours',
      folder: join(to, 'my-colours'),
      chosen: { preparation: 'RGB 0..1', labels: 'folders by code', because: 'best' },
      pictures: 200,
      classes: 3,
    });
    expect(added.status).toBe(0);
    const rivals: { preparation: string; p: number | null }[] = report.attempts.slice(1);
    expect(rivals.every(({ p }) => p === null || p < 0.05)).toBe(true);

    const folder = join(to, 'my-colours');
    const [version = '', ...others] = readdirSync(folder).sort();
    expect(others).toEqual(['manifest.json']);
    const files = join(folder, version);
    expect(readdirSync(files).sort()).toEqual(['My Colours.onnx', 'golden.png', 'labels.txt']);
    // As any folder that this user makes: the server may run as another user.
    mkdirSync(join(to, 'any'));
    for (const made of [folder, files]) expect(statSync(made).mode).toBe(statSync(join(to, 'any')).mode);
    expect(readFileSync(join(files, 'labels.txt'), 'utf8')).toBe('blueish\ngreenish\nreddish\n');
    expect(JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))).toMatchObject({
      input: { name: 'x', layout: 'NCHW', height: SIDE, width: SIDE },
      preprocess: { color: 'RGB', scale: 1 / 255, mean: [0, 0, 0], std: [1, 1, 1] },
      output: { name: 'y', kind: 'logits' },
      batch: 'dynamic',
      license: 'MIT',
      golden: { image: `./${version}/golden.png`, within: 1 },
    });
    const [red = ''] = readdirSync(join(data, 'reddish'));
    const args = ['classify', '-m', 'my-colours', '--json', join(data, 'reddish', red)];
    const answer = JSON.parse((await run(args, { MODEL_DIRS: to, MENAGERIE_WORKERS: '1' })).out);
    expect(answer.predictions).toHaveLength(3);

    const again = await run(['add', file, '--data', data, '--to', to]);
    expect([again.status, again.err]).toEqual([2, expect.stringContaining('There is a model "my-colours" already')]);
  });

  test('finds the order of the channels', async () => {
    const into = [
      node('Split', ['float'], ['first', 'second', 'third'], [integer('axis', 1)]),
      node('Concat', ['third', 'second', 'first'], ['picture'], [integer('axis', 1)]),
    ];
    const [file, data, to] = [await networkFile({ into }), await dataOf(200), await temporaryFolder()];
    const added = await run(['add', file, '--data', data, '--to', to, '--workers', '1', '--json']);
    expect(JSON.parse(added.out).chosen).toMatchObject({ preparation: 'BGR 0..1' });
  });

  test('writes nothing where the pictures do not decide: exit status 3', async () => {
    const random = createRandom(6);
    const data = await dataOf(60, () => random.integer(3));
    const to = await temporaryFolder();
    const undecided = await run(['add', await networkFile(), '--data', data, '--to', to, '--workers', '1']);
    expect(undecided.status).toBe(3);
    expect(undecided.out).toContain('Nothing was written');
    expect(readdirSync(to)).toEqual([]);

    const forced = await run([
      'add',
      await networkFile(),
      '--data',
      data,
      '--to',
      to,
      '--force',
      'BGR caffe',
      '--id',
      'x',
    ]);
    expect([forced.status, forced.out]).toEqual([0, expect.stringContaining('BGR caffe (forced)')]);
    expect(JSON.parse(readFileSync(join(to, 'x', 'manifest.json'), 'utf8')).preprocess).toMatchObject({
      color: 'BGR',
      mean: [103.939, 116.779, 123.68],
    });
  });

  test('says what it lacks', async () => {
    const to = await temporaryFolder();
    const file = await networkFile();
    const labels = join(to, 'labels.txt');
    writeFileSync(labels, 'a\nb\nc\n');
    const none = await run(['add', file, '--labels', labels, '--to', to]);
    expect([none.status, none.out]).toEqual([3, expect.stringContaining('Give more pictures with --data')]);
    const few = await run(['add', file, '--data', await dataOf(5), '--to', to, '--workers', '1']);
    expect(few.err).toContain('At least 20 pictures of 3 classes are needed');
    const sized = await networkFile({ outputDims: ['N', 3] });
    const unlabelled = await run(['add', sized, '--to', to]);
    expect(unlabelled.err).toContain('No labels are known for 3 scores: state --labels');
    const integers = await run(['add', await networkFile({ input: INT64 }), '--labels', labels, '--to', to]);
    expect(integers.err).toContain('its input "x" is int64; pixels are fed as one of float32, float16, float64, uint8');
    const unknown = await run(['add', file, '--labels', labels, '--to', to, '--force', 'nonsense']);
    expect([unknown.status, unknown.err]).toEqual([
      2,
      expect.stringContaining('there is no "nonsense"; there are RGB imagenet'),
    ]);
    expect(readdirSync(to)).toEqual(['labels.txt']);
  });

  test('writes to the directory of trained models where no other is named', async () => {
    const data = join(await temporaryFolder(), 'data');
    const file = await networkFile();
    const labels = join(await temporaryFolder(), 'labels.txt');
    writeFileSync(labels, 'a\nb\nc\n');
    const args = ['--labels', labels, '--force', 'RGB 0..1', '--id', 'x', '--data-dir', data, '--workers', '1'];
    const added = await run(['add', file, ...args]);
    expect([added.err, added.status]).toEqual(['', 0]);
    expect(added.out).not.toContain('MODEL_DIRS');
    const listed = JSON.parse((await run(['list', '--json'], { MENAGERIE_DATA_DIR: data })).out);
    expect(listed.models.filter(({ id }: { id: string }) => id === 'x')).toHaveLength(1);
  });
});
