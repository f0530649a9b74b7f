import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { endless } from '../../scripts/torture/hostile-networks.mjs';
import { bytesInMemory } from '../../src/core/byte-source.js';
import { inputShape } from '../../src/core/manifest/input-shape.js';
import { variantsOf } from '../../src/core/manifest/manifest.js';
import { readModel } from '../../src/onnx/file/model.js';
import { type Encodable, encode } from '../../src/onnx/file/wire.js';
import { openRepository } from '../../src/zoo/open-repository.js';
import { weightsPath } from '../../src/zoo/weights.js';
import { startInspector } from '../support/inspector.js';
import { temporaryFolder } from '../support/model-folders.js';

// Files that are no networks, or none that the runtime takes; and networks made here, field by field (onnx.proto3).

const inspector = await startInspector(30_000);
const MODELS = fileURLToPath(new URL('../../models', import.meta.url));
const LENET = join(MODELS, 'lenet5/lenet5.onnx');

async function inspect(bytes: Uint8Array | string, inputShape?: number[]) {
  const file = join(await temporaryFolder(), 'network.onnx');
  await writeFile(file, bytes);
  return inspector.inspect({ file, inputShape, timing: false });
}

const tensorType = (dims: (number | string)[]): Encodable[] => [
  [
    1,
    [
      [1, 1],
      [2, dims.map((size): Encodable => [1, [typeof size === 'number' ? [1, size] : [2, size]]])],
    ],
  ],
];
const value = (name: string, dims: (number | string)[]): Encodable[] => [
  [1, name],
  [2, tensorType(dims)],
];
const node = (operator: string, inputs: string[], outputs: string[], attributes: Encodable[] = []): Encodable => [
  1,
  [
    ...inputs.map((name): Encodable => [1, name]),
    ...outputs.map((name): Encodable => [2, name]),
    [4, operator],
    ...attributes,
  ],
];
const ints = (name: string, values: number[]): Encodable => [
  5,
  [[1, name], ...values.map((v): Encodable => [8, v]), [20, 7]],
];
const weights = (name: string, dims: number[]): Encodable => [
  5,
  [
    ...dims.map((size): Encodable => [1, size]),
    [2, 1],
    [8, name],
    [9, new Uint8Array(4 * dims.reduce((a, b) => a * b, 1))],
  ],
];
const model = (graph: Encodable[], opset = 17): Uint8Array =>
  encode([
    [1, 8],
    [2, 'test'],
    [8, [[2, opset]]],
    [7, [...graph, [2, 'g']]],
  ]);
const input: Encodable = [11, value('x', ['N', 3, 8, 8])];
const output: Encodable = [12, value('y', ['N', 'C', 'H', 'W'])];

describe('files that are no networks', () => {
  test.each([
    ['nothing', '', 'not_onnx'],
    ['text', 'hello, I am no network at all', 'not_onnx'],
    ['a picture', readFileSync(new URL('../fixtures/pictures/rgb.png', import.meta.url)), 'not_onnx'],
    ['a truncated network', readFileSync(LENET).subarray(0, 100_000), 'not_onnx'],
    [
      'a message without a graph',
      encode([
        [1, 8],
        [8, [[2, 17]]],
      ]),
      'not_onnx',
    ],
    ['an operator set of the future', model([node('Relu', ['x'], ['y']), input, output], 99), 'unsupported_opset'],
    ['an operator there is none of', model([node('Frobnicate', ['x'], ['y']), input, output]), 'unsupported_operator'],
    [
      'a cycle',
      model([node('Add', ['x', 'b'], ['a']), node('Relu', ['a'], ['b']), node('Relu', ['b'], ['y']), input, output]),
      'cyclic_graph',
    ],
    ['an input that nothing makes', model([node('Relu', ['nowhere'], ['y']), input, output]), 'invalid_network'],
  ])('%s', async (_, bytes, code) => {
    await expect(inspect(bytes)).rejects.toMatchObject({ code });
  });

  test('a network cut anywhere is refused, never misread', () => {
    const whole = readFileSync(LENET);
    for (let length = 0; length < whole.length; length += 997) {
      expect(() => readModel(bytesInMemory(whole.subarray(0, length)))).toThrow(
        expect.objectContaining({ code: 'not_onnx' }),
      );
    }
  });

  test('random damage gives a typed error or a summary, and the next file is read as ever', async () => {
    const whole = readFileSync(LENET);
    for (let seed = 1; seed <= 12; seed++) {
      const damaged = Buffer.from(whole);
      for (let i = 0; i < 40; i++) damaged[(seed * 7919 + i * 104729) % 3000] = (seed * 31 + i * 17) % 256;
      const outcome = await inspect(damaged).then(
        () => 'summary',
        (error) => error.code,
      );
      expect(outcome).toMatch(
        /^(summary|not_onnx|cyclic_graph|unsupported_opset|unsupported_operator|invalid_network|invalid_input_shape)$/,
      );
    }
    expect(
      (await inspector.inspect({ file: LENET, inputShape: undefined, timing: false })).summary.totals.parameters,
    ).toBe(61_706);
  });
});

describe('the shape of the input', () => {
  const conv = model([
    node('Conv', ['x', 'w'], ['y'], [ints('strides', [2, 2])]),
    weights('w', [4, 3, 3, 3]),
    input,
    output,
  ]);

  test('is the one asked for where the graph allows it', async () => {
    const { summary } = await inspect(conv, [1, 3, 21, 9]);
    // (21 - 3) / 2 + 1 and (9 - 3) / 2 + 1 positions, 4 filters of 3 x 3 x 3.
    expect(summary.outputs).toEqual([{ name: 'y', shape: [1, 4, 10, 4] }]);
    expect(summary.totals.macs).toBe(10 * 4 * 4 * 27);
  });

  test.each([
    ['channels that do not fit', [1, 4, 8, 8]],
    ['less than the kernel', [1, 3, 2, 2]],
    ['other dimensions', [3, 8, 8]],
  ])('%s', async (_, shape) => {
    await expect(inspect(conv, shape)).rejects.toMatchObject({ code: 'invalid_input_shape' });
  });

  test('must be given where the file leaves it open', async () => {
    const open = model([node('Relu', ['x'], ['y']), [11, value('x', ['N', 3, 'H', 'W'])], output]);
    await expect(inspect(open)).rejects.toMatchObject({ code: 'invalid_input_shape' });
    expect((await inspect(open, [1, 3, 5, 7])).summary.outputs[0]?.shape).toEqual([1, 3, 5, 7]);
  });
});

describe('what is no layer', () => {
  test('shape arithmetic, constants, identities and dropout are folded away', async () => {
    const graph = [
      node('Shape', ['x'], ['s']),
      node('Identity', ['x'], ['i']),
      node('Dropout', ['i'], ['d']),
      node('Neg', ['w'], ['negative']),
      node('Mul', ['d', 'negative'], ['m']),
      node('Reshape', ['m', 's'], ['y']),
      weights('w', [3, 1, 1]),
      input,
      output,
    ];
    const { layers, totals } = (await inspect(model(graph))).summary;
    const shown = layers.filter(({ auxiliary }) => !auxiliary).map(({ operator }) => operator);
    expect(shown).toEqual(['Mul', 'Reshape']);
    // The Mul scales by three learned values, though they are negated on the way.
    expect(totals.parameters).toBe(3);
  });

  // Node 24 has a type for these, of which the runtime makes nothing.
  test('weights may be kept in half precision', async () => {
    const half: Encodable = [
      5,
      [
        [1, 64],
        [1, 3],
        [1, 5],
        [1, 5],
        [2, 10],
        [8, 'w16'],
        [9, new Uint8Array(2 * 64 * 3 * 5 * 5)],
      ],
    ];
    const toFloat: Encodable = [
      5,
      [
        [1, 'to'],
        [3, 1],
        [20, 2],
      ],
    ];
    const graph = [node('Cast', ['w16'], ['w'], [toFloat]), node('Conv', ['x', 'w'], ['y']), half, input, output];
    const { totals } = (await inspect(model(graph))).summary;
    expect(totals).toMatchObject({ parameters: 4800, macs: 4 * 4 * 4800 });
  });

  test('weights that two layers share count once', async () => {
    const graph = [
      node('Conv', ['x', 'w'], ['a']),
      node('Conv', ['a', 'w'], ['y']),
      weights('w', [3, 3, 1, 1]),
      input,
      output,
    ];
    const { totals } = (await inspect(model(graph))).summary;
    expect(totals).toMatchObject({ parameters: 9, macs: 2 * 64 * 9, depth: 2 });
  });

  test('receptive field and stride grow as in Araujo et al.', async () => {
    const graph = [
      node('Conv', ['x', 'w'], ['a'], [ints('strides', [2, 2]), ints('pads', [1, 1, 1, 1])]),
      node('Conv', ['a', 'v'], ['b'], [ints('dilations', [2, 2]), ints('pads', [2, 2, 2, 2])]),
      node('GlobalAveragePool', ['b'], ['y']),
      weights('w', [3, 3, 3, 3]),
      weights('v', [3, 3, 3, 3]),
      input,
      output,
    ];
    const { layers } = (await inspect(model(graph))).summary;
    expect(layers.map(({ receptiveField }) => [receptiveField?.size[0], receptiveField?.stride[0]])).toEqual([
      [3, 2],
      // 3 + (3 - 1) * dilation 2 * stride 2
      [11, 2],
      // All four positions: 11 + 3 * 2
      [17, 8],
    ]);
  });
});

test('the multiply-accumulates that the manifests of bundled networks state are those of every variant', async () => {
  const { models } = await openRepository([MODELS]);
  for (const folder of models.values()) {
    const { macs } = folder.manifest;
    if (macs === undefined) continue;
    for (const [, variant] of variantsOf(folder.manifest)) {
      const file = weightsPath(folder, variant);
      const { summary } = await inspector.inspect({ file, inputShape: inputShape(folder.manifest, 1), timing: false });
      expect([variant.file, summary.totals.macs]).toEqual([variant.file, macs]);
    }
  }
});

test('only so many files wait to be looked into', async () => {
  const outcomes = await Promise.allSettled(
    Array.from({ length: 20 }, () => inspector.inspect({ file: LENET, inputShape: undefined, timing: false })),
  );
  const codes = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : []));
  expect(codes).toEqual(Array(4).fill('overloaded'));
});

test('a look that nobody waits for any more ends its process, and the next one gets another', async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'endless.onnx');
  await writeFile(file, endless());
  const abort = new AbortController();
  const left = inspector.inspect({ file, timing: true }, abort.signal);
  const gone = expect(left).rejects.toThrow('nobody waits');
  // It waits for its turn like all others.
  const next = inspector.inspect({ file: LENET, timing: false });
  setTimeout(() => abort.abort(new Error('nobody waits')), 500);
  await gone;
  expect((await next).summary.totals.parameters).toBe(61_706);
});
