import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { bytesInMemory } from '../../src/core/byte-source.js';
import { fieldsOf } from '../../src/onnx/file/wire.js';
import { assetsDir } from '../support/assets.js';
import { startInspector } from '../support/inspector.js';

// Networks whose figures are known from their papers and from other tools.

const assets = assetsDir();
if (!assets) console.warn('tests/golden/summaries.test.ts is skipped: there are no assets (set ASSETS_DIR)');

const inspector = await startInspector(60_000);
const inspect = (file: string) =>
  inspector.inspect({ file: join(assets ?? '', file), inputShape: undefined, timing: false });

interface Known {
  file: string;
  parameters: number;
  macs: number;
  depth: number;
  weightedLayers: number;
}

/** `onnx-light` files have every weight as a constant; batch normalisation counts with its running statistics. */
const KNOWN: Known[] = [
  { file: 'onnx-light/bvlc_alexnet.onnx', parameters: 60_965_224, macs: 654_560_384, depth: 8, weightedLayers: 8 },
  { file: 'onnx-light/vgg19.onnx', parameters: 143_667_240, macs: 19_632_062_464, depth: 19, weightedLayers: 19 },
  { file: 'onnx-light/resnet50.onnx', parameters: 25_610_152, macs: 4_089_184_256, depth: 50, weightedLayers: 54 },
  { file: 'onnx-light/inception_v1.onnx', parameters: 6_998_552, macs: 1_431_556_352, depth: 22, weightedLayers: 58 },
  { file: 'onnx-light/inception_v2.onnx', parameters: 11_234_792, macs: 2_018_851_840, depth: 34, weightedLayers: 70 },
  { file: 'onnx-light/squeezenet.onnx', parameters: 1_235_496, macs: 349_151_936, depth: 18, weightedLayers: 26 },
  { file: 'onnx-light/densenet121.onnx', parameters: 8_146_152, macs: 2_834_161_664, depth: 121, weightedLayers: 121 },
  { file: 'onnx-light/shufflenet.onnx', parameters: 1_420_152, macs: 124_664_528, depth: 50, weightedLayers: 50 },
  { file: 'onnx-light/zfnet512.onnx', parameters: 87_250_536, macs: 1_481_727_008, depth: 8, weightedLayers: 8 },
  // Batch normalisation folded into the convolutions; weights as codebooks, and quantised: the same network all the same.
  { file: 'models/resnet18.onnx', parameters: 11_684_712, macs: 1_814_073_344, depth: 18, weightedLayers: 21 },
  { file: 'models/resnet18-int8.onnx', parameters: 11_684_712, macs: 1_814_073_344, depth: 18, weightedLayers: 21 },
  { file: 'models/resnet50.onnx', parameters: 25_530_472, macs: 4_089_184_256, depth: 50, weightedLayers: 54 },
  { file: 'models/resnet50-int8.onnx', parameters: 25_530_472, macs: 4_089_184_256, depth: 50, weightedLayers: 54 },
  { file: 'models/mobilenetv2.onnx', parameters: 3_487_816, macs: 300_774_272, depth: 53, weightedLayers: 53 },
  { file: 'models/squeezenet1.1.onnx', parameters: 1_235_496, macs: 349_151_936, depth: 18, weightedLayers: 26 },
  { file: 'models/cifar10-resnet20.onnx', parameters: 269_034, macs: 40_551_040, depth: 20, weightedLayers: 20 },
];

describe.skipIf(!assets)('totals', () => {
  test.each(KNOWN)('$file', async ({ file, ...expected }) => {
    const { summary } = await inspect(file);
    expect(summary.totals).toMatchObject(expected);
  });
});

describe.skipIf(!assets)('structure', () => {
  test.each(['models/resnet50.onnx', 'models/resnet50-int8.onnx', 'onnx-light/resnet50.onnx'])(
    '%s reads as stem, 16 blocks in four stages, head',
    async (file) => {
      const { parts } = (await inspect(file)).summary;
      expect(parts.map(({ kind }) => kind)).toEqual(['stem', 'stage', 'stage', 'stage', 'stage', 'head']);
      const stages = parts.filter(({ kind }) => kind === 'stage');
      expect(stages.map(({ blocks }) => blocks.length)).toEqual([3, 4, 6, 3]);
      for (const { blocks } of stages) {
        expect(blocks.map(({ shortcut }) => shortcut)).toEqual([
          'projection',
          ...Array(blocks.length - 1).fill('identity'),
        ]);
        expect(new Set(blocks.map(({ kind }) => kind))).toEqual(new Set(['residual']));
      }
      expect(stages.map(({ output }) => output.slice(1))).toEqual([
        [256, 56, 56],
        [512, 28, 28],
        [1024, 14, 14],
        [2048, 7, 7],
      ]);
    },
  );

  test('the shortcuts of a CIFAR ResNet that pad with zeros are identities', async () => {
    const { parts } = (await inspect('models/cifar10-resnet20.onnx')).summary;
    const blocks = parts.flatMap((part) => part.blocks);
    expect(blocks.map(({ shortcut }) => shortcut)).toEqual(Array(9).fill('identity'));
  });

  test('GoogLeNet has nine inception modules of four branches', async () => {
    const blocks = (await inspect('onnx-light/inception_v1.onnx')).summary.parts.flatMap((part) => part.blocks);
    expect(blocks.map(({ kind, branches }) => `${kind} ${branches.length}`)).toEqual(Array(9).fill('inception 4'));
  });

  test('SqueezeNet has eight fire modules', async () => {
    const blocks = (await inspect('models/squeezenet1.1.onnx')).summary.parts.flatMap((part) => part.blocks);
    expect(blocks.map(({ kind, squeeze }) => `${kind} ${squeeze.length}`)).toEqual(Array(8).fill('fire 2'));
  });

  test('DenseNet-121 has dense blocks of 6, 12, 24 and 16 layers', async () => {
    const { parts } = (await inspect('onnx-light/densenet121.onnx')).summary;
    expect(parts.filter(({ kind }) => kind === 'stage').map(({ blocks }) => blocks.length)).toEqual([6, 12, 24, 16]);
  });
});

/** The values of a serialised TensorProto of floats. */
function readTensor(file: string): number[] {
  const bytes = readFileSync(file);
  const source = bytesInMemory(bytes);
  const values: number[] = [];
  for (const { number, start, end } of fieldsOf(source)) {
    // float_data, raw_data
    if (number !== 4 && number !== 9) continue;
    for (let at = start; at < end; at += 4) values.push(bytes.readFloatLE(at));
  }
  return values;
}

describe.skipIf(!assets)('the light networks give the expected outputs', () => {
  test.each(KNOWN.filter(({ file }) => file.startsWith('onnx-light')))('$file', async ({ file }) => {
    const path = join(assets ?? '', file);
    const session = await InferenceSession.create(path, { intraOpNumThreads: 1, logSeverityLevel: 4 });
    const count = 3 * 224 * 224;
    const input = new Tensor(
      'float32',
      Float32Array.from({ length: count }, (_, i) => i / count),
      [1, 3, 224, 224],
    );
    const outputs = await session.run({ [session.inputNames[0] as string]: input });
    const found = outputs[session.outputNames[0] as string]?.data as Float32Array;
    const expected = readTensor(path.replace('.onnx', '_output_0.pb'));
    await session.release();
    expect(found.length).toBe(expected.length);
    expected.forEach((value, i) => {
      // The tolerance of ONNX's own backend tests.
      expect(Math.abs((found[i] as number) - value)).toBeLessThanOrEqual(1e-7 + 1e-3 * Math.abs(value));
    });
  });
});
