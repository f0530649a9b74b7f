import { createHash } from 'node:crypto';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as hostile from '../../scripts/torture/hostile-networks.mjs';
import { bytesInMemory } from '../../src/core/byte-source.js';
import { externalFiles } from '../../src/onnx/file/external-data.js';
import { type Encodable, encode } from '../../src/onnx/file/wire.js';
import { Network } from '../../src/runtime/instances/network.js';
import { Sessions } from '../../src/runtime/instances/sessions.js';
import { InputTensor } from '../../src/runtime/networks/input-tensor.js';
import type { NetworkSpec } from '../../src/runtime/networks/network-spec.js';
import { weightBytes } from '../../src/runtime/weights/weight-bytes.js';
import { readWeights } from '../../src/runtime/weights/weights.js';
import { temporaryFolder } from '../support/model-folders.js';
import { scoresOn } from '../support/networks.js';

// Weights may lie in files beside the ONNX file. What was hashed is what runs.

async function folderWith(model: Uint8Array, data: Uint8Array = hostile.QUICK_WEIGHTS): Promise<string> {
  const folder = await temporaryFolder();
  writeFileSync(join(folder, 'net.onnx'), model);
  writeFileSync(join(folder, 'w.bin'), data);
  return join(folder, 'net.onnx');
}

const specOf = (file: string): NetworkSpec => ({
  key: 'net',
  file,
  labels: 2,
  bytes: weightBytes(file),
  fileSha256: undefined,
  rows: undefined,
  input: { name: 'x', layout: 'NCHW', height: 8, width: 8 },
  preprocess: {
    resize: { mode: 'exact', filter: 'bilinear' },
    color: 'RGB',
    scale: 1,
    mean: [0, 0, 0],
    std: [1, 1, 1],
  },
  output: { name: 'y', kind: 'logits' },
  batch: 1,
});
const load = (file: string) => Network.load(specOf(file), { device: 'cpu', threads: 1, batch: 1 }, new Sessions());

describe('a network with external data', () => {
  test('answers as the one that holds its weights itself', async () => {
    const inside = await load(await folderWith(hostile.quick()));
    const beside = await load(await folderWith(hostile.quickWithExternalData('w.bin')));
    const scores = await Promise.all(
      [inside, beside].map(async (network) => {
        const data = Uint8Array.from({ length: 3 * 64 }, (_, i) => i);
        const { outcomes } = await scoresOn(network, [{ name: 'p', data, rows: 1 }], new InputTensor());
        return outcomes;
      }),
    );
    expect(scores[1]).toEqual(scores[0]);
    for (const network of [inside, beside]) await network.release();
  });

  test('counts its files, and has another hash with other data', async () => {
    const file = await folderWith(hostile.quickWithExternalData('w.bin'));
    const first = readWeights(file, {});
    expect(first.external.map(({ path, data }) => [path, data.length])).toEqual([
      ['w.bin', hostile.QUICK_WEIGHTS.length],
    ]);
    expect(weightBytes(file)).toBe(first.model.length + hostile.QUICK_WEIGHTS.length);
    const data = hostile.QUICK_WEIGHTS.slice();
    data[5] = 1;
    writeFileSync(join(file, '..', 'w.bin'), data);
    expect(() => readWeights(file, { sha256: first.sha256 })).toThrow(
      /what was verified when the model was loaded had/,
    );
  });

  test('is compared with what its manifest states of that file', async () => {
    const file = await folderWith(hostile.quickWithExternalData('w.bin'));
    const stated = createHash('sha256').update(hostile.QUICK_WEIGHTS).digest('hex');
    expect(readWeights(file, { externalSha256: { 'w.bin': stated } }).external).toHaveLength(1);
    expect(() => readWeights(file, { externalSha256: { 'w.bin': '0'.repeat(64) } })).toThrow(
      /w\.bin: its SHA-256 is [0-9a-f]{64}, its manifest states 0{64}/,
    );
  });

  test('takes them from the folder of its file only', async () => {
    for (const path of ['../w.bin', '/etc/hostname', '']) {
      const file = await folderWith(hostile.quickWithExternalData(path));
      mkdirSync(join(file, '..', 'below'));
      expect(() => readWeights(file, {}), path).toThrow(/External data/);
    }
    const file = await folderWith(hostile.quickWithExternalData('link.bin'));
    symlinkSync('/etc/hostname', join(file, '..', 'link.bin'));
    expect(() => readWeights(file, {})).toThrow(/lies outside of its folder/);
  });

  test('is refused where data of a nested graph lie outside: the runtime would take them from where it stands', async () => {
    const file = await folderWith(hostile.branchesWithExternalData('w.bin'));
    await expect(load(file)).rejects.toMatchObject({ code: 'invalid_network' });
  });
});

describe('external data is found', () => {
  const tensor: Encodable[] = [
    [
      13,
      [
        [1, 'location'],
        [2, 'w.bin'],
      ],
    ],
    [14, 1],
  ];
  const files = (graphOrModel: Encodable[]) => externalFiles(bytesInMemory(encode(graphOrModel)));
  const attribute = (field: number, content: Encodable[]): Encodable => [5, [[field, content]]];

  test('in the weights of the main graph', () => {
    expect(
      files([
        [
          7,
          [
            [5, tensor],
            [5, tensor],
          ],
        ],
      ]),
    ).toEqual(['w.bin']);
    expect(files([[7, [[5, [[8, 'w']]]]]])).toEqual([]);
  });

  test.each<[string, Encodable[]]>([
    ['a sparse weight', [[7, [[15, [[1, tensor]]]]]]],
    ['the indices of a sparse weight', [[7, [[15, [[2, tensor]]]]]]],
    ['a constant', [[7, [[1, [attribute(5, tensor)]]]]]],
    ['one of several constants', [[7, [[1, [attribute(10, tensor)]]]]]],
    ['a sparse constant', [[7, [[1, [attribute(22, [[1, tensor]])]]]]]],
    ['one of several sparse constants', [[7, [[1, [attribute(23, [[1, tensor]])]]]]]],
    ['a nested graph', [[7, [[1, [attribute(6, [[5, tensor]])]]]]]],
    ['one of several nested graphs', [[7, [[1, [attribute(11, [[5, tensor]])]]]]]],
    ['a function', [[25, [[7, [attribute(5, tensor)]]]]]],
    ['a default of a function', [[25, [[11, [[5, tensor]]]]]]],
    ['training', [[20, [[1, [[5, tensor]]]]]]],
  ])('and refused in %s', (_, model) => {
    expect(() => files(model)).toThrow(/Only weights of the main graph may lie in external data/);
  });

  test('graphs within each other have an end', () => {
    let graph: Encodable[] = [];
    for (let depth = 0; depth < 60; depth++) graph = [[1, [attribute(6, graph)]]];
    expect(() => files([[7, graph]])).toThrow(/nested too deeply/);
  });
});
