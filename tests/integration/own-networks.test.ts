import { describe, expect, onTestFinished, test } from 'vitest';
import { floats, integer, node, tensor } from '../../scripts/torture/onnx-fields.mjs';
import { Network, type Rows } from '../../src/runtime/instances/network.js';
import { Sessions } from '../../src/runtime/instances/sessions.js';
import { InputTensor } from '../../src/runtime/networks/input-tensor.js';
import type { NetworkSpec } from '../../src/runtime/networks/network-spec.js';
import {
  colourNetwork,
  colourSpec,
  DOUBLE,
  FLOAT,
  FLOAT16,
  GAIN,
  INT64,
  inputOf,
  integers,
  longs,
  outputOf,
  SIDE,
  UINT8,
} from '../support/colour-networks.js';
import { scoresOn } from '../support/networks.js';

// What exporters write: every form is taken, or refused by name. The scores are known: GAIN times the mean of each channel.

const PIXEL = [51, 102, 204];
const LOGITS = PIXEL.map((byte) => (GAIN * byte) / 255);
const softmax = (logits: number[]) => {
  const powers = logits.map(Math.exp);
  return powers.map((power) => power / powers.reduce((a, b) => a + b));
};
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

async function load(network: Uint8Array, rest: Partial<NetworkSpec> = {}): Promise<Network> {
  const loaded = await Network.load(await colourSpec(network, rest), { device: 'cpu', threads: 1 }, new Sessions());
  onTestFinished(() => loaded.release());
  return loaded;
}

/** A picture of one colour. */
const plain = (name: string, pixel: number[]): Rows => ({
  name,
  rows: 1,
  data: Uint8Array.from({ length: SIDE * SIDE * pixel.length }, (_, i) => pixel[i % pixel.length] ?? 0),
});

async function ask(network: Network, ...pictures: Rows[]): Promise<number[][]> {
  const { outcomes } = await scoresOn(network, pictures, new InputTensor());
  return outcomes.map((outcome) => {
    if ('error' in outcome) throw outcome.error;
    return [...outcome.scores];
  });
}

async function expectScores(network: Network, scores: number[], within = 1e-5): Promise<void> {
  const [found = []] = await ask(network, plain('p', PIXEL));
  expect(found).toHaveLength(scores.length);
  for (const [i, score] of scores.entries()) expect(Math.abs((found[i] ?? Number.NaN) - score)).toBeLessThan(within);
}

const refusal = async (network: Uint8Array, rest: Partial<NetworkSpec> = {}) => {
  const error: unknown = await load(network, rest).catch((reason: unknown) => reason);
  if (!(error instanceof Error)) throw new Error('it was not refused');
  return error;
};

const RAW = { scale: 1, mean: [0, 0, 0], std: [1, 1, 1] };
const EXACT = { resize: { mode: 'exact', filter: 'bilinear' }, color: 'RGB' } as const;
const byteScores = PIXEL.map((byte) => GAIN * byte);
const reshape = (from: string, to: string, dims: number[]) => [
  node('Reshape', [from, `${to}_shape`], [to]),
  tensor(`${to}_shape`, INT64, [dims.length], longs(dims)),
];
const toPlanes = (from: string) => node('Transpose', [from], ['picture'], [integers('perm', [0, 3, 1, 2])]);

describe('an input of', () => {
  test.each([
    ['float16', FLOAT16, 0.01],
    ['float64', DOUBLE, 1e-5],
  ])('%s is fed in that format', async (_, input, within) => {
    await expectScores(await load(colourNetwork({ input })), LOGITS, within);
  });

  test('uint8 gets the bytes of the picture', async () => {
    const network = await load(colourNetwork({ input: UINT8 }), { preprocess: { ...EXACT, ...RAW } });
    await expectScores(network, byteScores, 1e-3);
  });

  test('uint8 is refused where the manifest would normalise', async () => {
    expect(await refusal(colourNetwork({ input: UINT8 }))).toMatchObject({
      code: 'signature_mismatch',
      message: expect.stringContaining('is uint8, so preprocess must have scale 1, mean 0 and std 1'),
    });
  });

  test('another type is refused by its name', async () => {
    const { message } = await refusal(colourNetwork({ input: INT64 }));
    expect(message).toContain('the input "x" is int64; pixels are fed as one of float32, float16, float64, uint8');
  });

  test('rows of pixels, NHWC, is filled so', async () => {
    const form = { inputDims: ['N', SIDE, SIDE, 3], into: [toPlanes('float')] };
    const input = { name: 'x', layout: 'NHWC', height: SIDE, width: SIDE } as const;
    await expectScores(await load(colourNetwork(form), { input }), LOGITS);
  });

  test('flattened pixels is filled in the layout of the manifest', async () => {
    const into = [...reshape('float', 'rows', [-1, SIDE, SIDE, 3]), toPlanes('rows')];
    const input = { name: 'x', layout: 'NHWC', height: SIDE, width: SIDE } as const;
    await expectScores(await load(colourNetwork({ inputDims: ['N', SIDE * SIDE * 3], into }), { input }), LOGITS);
  });

  test('grey pixels needs no dimension for its channel', async () => {
    const into = [
      ...reshape('float', 'one', [-1, 1, SIDE, SIDE]),
      node('Concat', ['one', 'one', 'one'], ['picture'], [integer('axis', 1)]),
    ]; // prettier-ignore
    const network = await load(colourNetwork({ inputDims: ['N', SIDE, SIDE], into }), {
      preprocess: { ...EXACT, color: 'GRAY', scale: 1 / 255, mean: [0], std: [1] },
    });
    const [scores] = await ask(network, plain('grey', [102]));
    expect(scores?.map((score) => score.toFixed(4))).toEqual(Array(3).fill((0.4 * GAIN).toFixed(4)));
  });

  test('one picture without a batch dimension is filled one by one', async () => {
    const into = reshape('float', 'picture', [1, 3, SIDE, SIDE]);
    const network = await load(colourNetwork({ inputDims: [3, SIDE, SIDE], into }));
    expect(network.info.batch).toBe(1);
    const answers = await ask(network, plain('a', PIXEL), plain('b', [0, 255, 0]));
    expect(answers.map((scores) => scores.map(Math.round))).toEqual([LOGITS.map(Math.round), [0, GAIN, 0]]);
  });

  test('a fixed number of pictures is refused with that number', async () => {
    const { message } = await refusal(colourNetwork({ inputDims: [16, 3, SIDE, SIDE] }));
    expect(message).toContain('it takes exactly 16 views at a time');
  });

  test('two tensors is refused, and both are named', async () => {
    const { message } = await refusal(colourNetwork({ more: [inputOf('other', FLOAT, [1])] }));
    expect(message).toContain('the file has 2 inputs, "x", "other"');
  });
});

describe('an output of', () => {
  test.each([
    ['float16', FLOAT16, 0.01],
    ['float64', DOUBLE, 1e-5],
  ])('%s is read', async (_, output, within) => {
    await expectScores(await load(colourNetwork({ output })), LOGITS, within);
  });

  test('another type is refused by its name', async () => {
    const { message } = await refusal(colourNetwork({ output: INT64 }));
    expect(message).toContain('the output "y" is int64; scores are float32, float16 or float64');
  });

  test.each([
    ['views x classes x 1 x 1', [-1, 3, 1, 1]],
    ['views x 1 x classes', [-1, 1, 3]],
    ['one row of all', [-1]],
  ])('%s is read', async (_, dims) => {
    const network = await load(colourNetwork({ head: reshape('scores', 'answer', dims) }));
    expect(network.info.batch).toBeGreaterThanOrEqual(1);
    const answers = await ask(network, plain('a', PIXEL), plain('b', [0, 255, 0]));
    expect(answers.map((scores) => scores.map(Math.round))).toEqual([LOGITS.map(Math.round), [0, GAIN, 0]]);
  });

  test('a score for each place in the picture is refused', async () => {
    const form = { head: [node('Mul', ['picture', 'gain'], ['answer'])] };
    const { message } = await refusal(colourNetwork(form), { labels: 48 });
    expect(message).toContain('the output "y" is 1x3x4x4, which is not one score per class');
  });

  test('several is served by the one that the manifest names', async () => {
    const more = [node('Neg', ['scores'], ['other']), outputOf('other', FLOAT)];
    const network = await load(colourNetwork({ more }), { output: { name: 'other', kind: 'logits' } });
    await expectScores(
      network,
      LOGITS.map((logit) => -logit),
    ); // prettier-ignore
  });

  test('a tensor that the file does not list is served where the manifest names it', async () => {
    const more = [node('Neg', ['scores'], ['listed']), outputOf('listed', FLOAT)];
    await expectScores(await load(colourNetwork({ more, listed: false })), LOGITS);
    const { message } = await refusal(colourNetwork({ more, listed: false }), {
      output: { name: 'nothing', kind: 'logits' },
    });
    expect(message).toContain('the manifest names the output "nothing", the file has "listed"');
  });
});

describe('scores', () => {
  const soft = [node('Softmax', ['scores'], ['answer'], [integer('axis', 1)])];

  test.each(['logits', 'probabilities'] as const)('before the first label are left out of %s', async (kind) => {
    const head = kind === 'logits' ? undefined : soft;
    const network = await load(colourNetwork(head ? { head } : {}), {
      labels: 2,
      output: { name: 'y', kind, label_offset: 1 },
    });
    const [, ...kept] = LOGITS;
    await expectScores(network, kind === 'logits' ? kept : softmax(kept), 1e-5);
  });

  test('one more than labels are refused with the advice to leave out the first', async () => {
    const { message } = await refusal(colourNetwork(), { labels: 2 });
    expect(message).toContain('3 scores, the label file has 2 lines; if the first score is for the background');
  });

  const first = [
    node('Slice', ['scores', 'from', 'to', 'axis'], ['one']),
    tensor('from', INT64, [1], longs([0])),
    tensor('to', INT64, [1], longs([1])),
    tensor('axis', INT64, [1], longs([1])),
  ];

  test('of one for two labels are those of the second', async () => {
    const logits = await load(colourNetwork({ head: [...first, node('Identity', ['one'], ['answer'])] }), {
      labels: 2,
    });
    await expectScores(logits, [0, LOGITS[0] ?? 0]);
    const probabilities = await load(colourNetwork({ head: [...first, node('Sigmoid', ['one'], ['answer'])] }), {
      labels: 2,
      output: { name: 'y', kind: 'probabilities' },
    });
    const p = sigmoid(LOGITS[0] ?? 0);
    await expectScores(probabilities, [1 - p, p]);
  });

  test('of one for one label are refused: it would always be 1', async () => {
    const form = { head: [...first, node('Identity', ['one'], ['answer'])] };
    expect((await refusal(colourNetwork(form), { labels: 1 })).message).toContain('has one class only');
  });

  test('said to be probabilities that are none are refused', async () => {
    const { message } = await refusal(colourNetwork(), { output: { name: 'y', kind: 'probabilities' } });
    expect(message).toContain('gives scores of 0.00 to 8.00: state "logits"');
  });

  test('said to be logits that are probabilities are refused', async () => {
    expect((await refusal(colourNetwork({ head: soft }))).message).toContain('"y" gives probabilities');
    await expectScores(
      await load(colourNetwork({ head: soft }), { output: { name: 'y', kind: 'probabilities' } }),
      softmax(LOGITS),
    );
  });

  test('that do not sum to 1 are probabilities of several labels, or refused', async () => {
    const head = [node('Sigmoid', ['scores'], ['answer'])];
    const kind = 'probabilities';
    const { message } = await refusal(colourNetwork({ head }), { output: { name: 'y', kind } });
    expect(message).toMatch(
      /sum to .*, not to 1; if each class has a probability of its own, state output.multi_label/,
    );
    const network = await load(colourNetwork({ head }), { output: { name: 'y', kind, multi_label: true } });
    await expectScores(network, LOGITS.map(sigmoid)); // prettier-ignore
  });

  test('that are no numbers for some picture refuse the network', async () => {
    // The square root of a negative number, for a bright picture only.
    const head = [
      node('Sub', ['seven', 'scores'], ['rest']),
      node('Sqrt', ['rest'], ['answer']),
      tensor('seven', FLOAT, [], floats([7])),
    ]; // prettier-ignore
    expect(await refusal(colourNetwork({ head }))).toMatchObject({ code: 'scores_not_finite' });
  });

  test('that are no numbers for one picture fail that picture alone', async () => {
    // No picture of the trial has a mean of exactly 102 in each channel: 1 / 0 there.
    const head = [
      node('Sub', ['scores', 'there'], ['away']),
      node('Mul', ['away', 'much'], ['far']),
      node('Round', ['far'], ['rounded']),
      node('Reciprocal', ['rounded'], ['answer']),
      tensor('there', FLOAT, [], floats([GAIN * 0.4])),
      tensor('much', FLOAT, [], floats([1000])),
    ];
    const network = await load(colourNetwork({ head }));
    const pictures = [plain('a', [102, 102, 102]), plain('b', [255, 255, 255])];
    const { outcomes } = await scoresOn(network, pictures, new InputTensor());
    expect(outcomes).toMatchObject([{ error: { code: 'scores_not_finite' } }, { scores: expect.anything() }]);
  });

  test('that depend on the other pictures in a batch make it run one by one', async () => {
    // Softmax over the batch: alone every class has 1, so that only the sum tells.
    const head = [
      node('ReduceMax', ['scores'], ['most'], [integers('axes', [0]), integer('keepdims', 1)]),
      node('Sub', ['scores', 'most'], ['less']),
      node('Add', ['less', 'scores'], ['answer']),
    ];
    const network = await load(colourNetwork({ head }));
    expect(network.info.batch).toBe(1);
    await expectScores(network, LOGITS);
  });
});
