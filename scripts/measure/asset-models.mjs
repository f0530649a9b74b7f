// The real networks of the assets folder as a model directory, for measurements. They are linked, never copied.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the assets, if none is named. */
export const ASSETS = process.env.ASSETS_DIR ?? fileURLToPath(new URL('../../../shared/assets', import.meta.url));

const PHOTO = { resize: { mode: 'shorter_side', size: 256, filter: 'bilinear' }, color: 'RGB', scale: 1 / 255 };
const TORCH = { ...PHOTO, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const HALF = { ...PHOTO, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };

/** Ids of the networks. */
export const ASSET_MODELS = {
  squeezenet: 'assets-squeezenet1.1',
  mobilenet: 'assets-mobilenetv2',
  resnet18: 'assets-resnet18',
  resnet50: 'assets-resnet50',
};

/** @type {{ id: string, title: string, family: string, input: string, preprocess: object, files: Record<string, string> }[]} */
const NETWORKS = [
  {
    id: ASSET_MODELS.squeezenet,
    title: 'SqueezeNet 1.1',
    family: 'squeezenet',
    input: 'data',
    preprocess: TORCH,
    files: { fp32: 'squeezenet1.1.onnx' },
  },
  {
    id: ASSET_MODELS.mobilenet,
    title: 'MobileNetV2',
    family: 'mobilenet',
    input: 'input',
    preprocess: HALF,
    files: { fp32: 'mobilenetv2.onnx' },
  },
  {
    id: ASSET_MODELS.resnet18,
    title: 'ResNet-18',
    family: 'resnet',
    input: 'input',
    preprocess: TORCH,
    files: { fp32: 'resnet18.onnx', int8: 'resnet18-int8.onnx' },
  },
  {
    id: ASSET_MODELS.resnet50,
    title: 'ResNet-50',
    family: 'resnet',
    input: 'input',
    preprocess: TORCH,
    files: { fp32: 'resnet50.onnx', int8: 'resnet50-int8.onnx' },
  },
];

/** Their titles, by id. @type {Record<string, string>} */
export const ASSET_TITLES = Object.fromEntries(NETWORKS.map(({ id, title }) => [id, title]));

/** Makes a model directory of the networks in `assets`/models. @param {string} assets @param {string} directory */
export function writeAssetModels(assets, directory) {
  for (const { id, title, family, input, preprocess, files } of NETWORKS) {
    const folder = join(directory, id);
    mkdirSync(folder, { recursive: true });
    for (const file of Object.values(files)) symlinkSync(resolve(assets, 'models', file), join(folder, file));
    const manifest = {
      id,
      title,
      family,
      dataset: 'ImageNet (ILSVRC 2012)',
      labels: 'imagenet',
      input: { name: input, layout: 'NCHW', height: 224, width: 224 },
      preprocess,
      output: { name: 'logits', kind: 'logits' },
      batch: 'dynamic',
      variants: Object.fromEntries(Object.entries(files).map(([variant, file]) => [variant, { file }])),
      default_variant: 'fp32',
      license: 'see the assets',
    };
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
  }
}
