import { describe, expect, it } from 'vitest';
import { MenagerieError } from '../../../src/core/errors.js';
import { parseManifest } from '../../../src/core/manifest/manifest.js';

const SHA = 'a'.repeat(64);

/** A manifest with every field that must be there, and nothing more. */
function minimal(): Record<string, unknown> {
  return {
    id: 'mine',
    title: 'Mine',
    family: 'lenet',
    dataset: 'Shapes',
    labels: './labels.txt',
    input: { name: 'x', layout: 'NCHW', height: 224, width: 224 },
    preprocess: {
      resize: { mode: 'shorter_side', size: 256, filter: 'bilinear' },
      color: 'RGB',
      scale: 1,
      mean: [1, 2, 3],
      std: [1, 1, 1],
    },
    output: { name: 'y', kind: 'logits' },
    batch: 1,
    variants: { fp32: { file: 'mine.onnx' } },
    default_variant: 'fp32',
    license: 'MIT',
  };
}

/** The minimal manifest with the value at a dotted path replaced, or taken away where it is undefined. */
function withField(path: string, value: unknown): string {
  const manifest = minimal();
  const keys = path.split('.');
  const last = keys.pop() as string;
  let place = manifest;
  for (const key of keys) place = place[key] as Record<string, unknown>;
  place[last] = value;
  return JSON.stringify(manifest);
}

function fault(text: string): string {
  try {
    parseManifest(text, 'models/mine/manifest.json');
  } catch (error) {
    expect(error).toBeInstanceOf(MenagerieError);
    expect((error as MenagerieError).code).toBe('invalid_manifest');
    return (error as MenagerieError).message;
  }
  throw new Error('was accepted');
}

describe('parseManifest', () => {
  it('accepts the least that a manifest can say', () => {
    expect(parseManifest(JSON.stringify(minimal()), 'manifest.json')).toEqual(minimal());
  });

  it('names the file where the text is not JSON', () => {
    expect(fault('{')).toMatch(/^models\/mine\/manifest\.json: not JSON at line 1, column 2$/);
  });

  it.each([
    ['id', 'My Model', 'id: must be at most 64 lower-case letters'],
    ['labels', '../secret', 'labels: must be a relative file name'],
    ['labels', '/etc/labels', 'labels: must be a relative file name'],
    ['variants.fp32.file', 'a\\b.onnx', 'variants.fp32.file: must be a relative file name'],
    ['variants.fp32.file', 'weights/../../x.onnx', 'variants.fp32.file: must be a relative file name'],
    ['variants.fp32.url', 'ftp://host/x.onnx', 'variants.fp32.url: must begin with http:// or https://'],
    ['variants.fp32.sha256', 'ABC', 'variants.fp32.sha256: must be a SHA-256'],
    ['variants.fp32.top1', 101, 'variants.fp32.top1: must be <= 100'],
    ['variants.fp16', { file: 'x.onnx' }, 'variants: unknown field "fp16"'],
    ['input.layout', 'CHWN', 'input.layout: must be one of "NCHW", "NHWC"'],
    ['input.height', 0, 'input.height: must be >= 1'],
    ['preprocess.color', 'CMYK', 'preprocess.color: must be one of "RGB", "BGR", "GRAY"'],
    ['preprocess.scale', 0, 'preprocess.scale: must be > 0'],
    ['preprocess.std', [1, 0, 1], 'preprocess.std.1: must be > 0'],
    ['preprocess.gamma', 2, 'preprocess: unknown field "gamma"'],
    ['batch', 8, 'batch: must be one of "dynamic", 1'],
    ['derived_from', { model: 'base', variant: 'fp32' }, 'derived_from: must have required properties sha256'],
    [
      'derived_from',
      { model: '../base', variant: 'fp32', sha256: SHA },
      'derived_from.model: must be at most 64 lower-case letters',
    ],
    ['unknown', { output: 'distance' }, 'unknown: must have required properties above'],
    ['unknown', { output: 'd', above: 'far' }, 'unknown.above: must be number'],
    ['golden', { image: 'a.png', index: -1, within: 1 }, 'golden.index: must be >= 0'],
    ['golden', { image: 'a.png', index: 1 }, 'golden: must have required properties within'],
  ])('names field and rule: %s = %j', (path, value, message) => {
    expect(fault(withField(path, value))).toContain(`models/mine/manifest.json: ${message}`);
  });

  it('names a field that is missing', () => {
    expect(fault(withField('license', undefined))).toMatch(/\(top level\): .*license/);
  });

  it('reports every fault of the schema at once', () => {
    const message = fault(JSON.stringify({ ...minimal(), batch: 2, id: 'A', title: '' }));
    for (const field of ['batch: ', 'id: ', 'title: ']) expect(message).toContain(field);
  });

  it.each([
    ['preprocess.mean', [1], 'preprocess.mean: must have 3 entries for RGB, has 1'],
    ['preprocess.std', [1, 1, 1, 1], 'preprocess.std: must have 3 entries for RGB, has 4'],
    ['preprocess.color', 'GRAY', 'preprocess.mean: must have 1 entries for GRAY, has 3'],
    ['preprocess.resize', { mode: 'exact' }, 'preprocess.resize.filter: required with mode "exact"'],
    ['preprocess.resize', { mode: 'shorter_side', filter: 'bilinear' }, 'preprocess.resize.size: required with mode'],
    ['preprocess.resize', { mode: 'exact', size: 256, filter: 'bicubic' }, 'preprocess.resize.size: not allowed with'],
    [
      'preprocess.resize',
      { mode: 'digit', filter: 'bicubic' },
      'preprocess.resize.filter: not allowed with mode "digit"',
    ],
    ['preprocess.resize', { mode: 'digit' }, 'preprocess.color: must be GRAY with resize mode "digit"'],
    ['preprocess.resize.padding', 224, 'preprocess.resize.padding: 224 would leave nothing of the picture in a corner'],
    [
      'preprocess.resize',
      { mode: 'exact', filter: 'bicubic', padding: 1 },
      'preprocess.resize.padding: not allowed with mode "exact"',
    ],
    ['preprocess.resize.size', 223, 'preprocess.resize.size: 223 is smaller than the input of 224x224'],
    ['variants.fp32.url', 'https://host/x.onnx', 'variants.fp32: sha256 and bytes are required with url'],
    ['variants.fp32.file', 'mine.pt', 'variants.fp32.file: must end in .onnx'],
    ['variants.int8', { file: 'mine.onnx' }, 'variants.int8.file: must not be the file of variants.fp32'],
    ['default_variant', 'int8', 'default_variant: variants has no "int8"'],
  ])('checks rules between fields: %s = %j', (path, value, message) => {
    expect(fault(withField(path, value))).toContain(message);
  });

  it('reports every fault between fields at once', () => {
    const manifest = { ...minimal(), default_variant: 'int8', variants: { fp32: { file: 'x', url: 'http://h/x' } } };
    expect(fault(JSON.stringify(manifest)).split('; ')).toHaveLength(3);
  });

  it('takes a url with size and hash', () => {
    const variant = { file: 'mine.onnx', url: 'https://host/mine.onnx', sha256: SHA, bytes: 1 };
    expect(parseManifest(withField('variants.fp32', variant), 'm').variants.fp32).toEqual(variant);
  });
});
