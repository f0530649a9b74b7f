import { join } from 'node:path';
import type { NetworkSpec } from '../../src/runtime/networks/network-spec.js';

const PHOTO = {
  resize: { mode: 'shorter_side', size: 256, filter: 'bilinear' },
  color: 'RGB',
  scale: 1 / 255,
} as const;
const TORCH = { ...PHOTO, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const HALF = { ...PHOTO, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };

/** The networks for ImageNet in a folder of assets. */
export function imagenetNetworks(assets: string): NetworkSpec[] {
  const networks = [
    { id: 'squeezenet1.1', input: 'data', preprocess: TORCH },
    { id: 'mobilenetv2', input: 'input', preprocess: HALF },
    { id: 'resnet18', input: 'input', preprocess: TORCH },
    { id: 'resnet50', input: 'input', preprocess: TORCH },
  ];
  return networks.map(({ id, input, preprocess }) => ({
    key: id,
    file: join(assets, 'models', `${id}.onnx`),
    labels: 1000,
    bytes: 0,
    input: { name: input, layout: 'NCHW', height: 224, width: 224 },
    preprocess,
    output: { name: 'logits', kind: 'logits' },
    batch: 'dynamic',
  }));
}
