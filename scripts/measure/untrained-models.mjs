// The classic architectures as models of the repository: a manifest and a small ONNX file each, whose weights the graph
// makes itself. generate-docs.mjs writes them, and fails when they are stale.
import { createHash } from 'node:crypto';
import { ARCHITECTURES } from '../../dist/architectures/index.js';
import { toOnnx } from '../../dist/architectures/onnx-file.js';

const TORCH = {
  resize: { mode: 'shorter_side', size: 256, filter: 'bilinear' },
  color: 'RGB',
  scale: 0.00392156862745098,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};
const CIFAR = { ...TORCH, resize: { mode: 'exact', filter: 'bilinear' } };
const DIGIT = { resize: { mode: 'digit' }, color: 'GRAY', scale: 0.00392156862745098, mean: [0.1307], std: [0.3081] };
const IMAGENET = { dataset: "none (the classes are ImageNet's)", labels: 'imagenet', preprocess: TORCH };

/** What an architecture does not say of itself. @type {Record<string, { family: string, dataset: string, labels: string, preprocess: object }>} */
const MODELS = {
  lenet5: { family: 'lenet', dataset: 'none (the classes are digits)', labels: 'digits', preprocess: DIGIT },
  alexnet: { family: 'alexnet', ...IMAGENET },
  vgg16: { family: 'vgg', ...IMAGENET },
  plain18: { family: 'plain', ...IMAGENET },
  plain34: { family: 'plain', ...IMAGENET },
  resnet18: { family: 'resnet', ...IMAGENET },
  resnet34: { family: 'resnet', ...IMAGENET },
  resnet50: { family: 'resnet', ...IMAGENET },
  'network-in-network': {
    family: 'network-in-network',
    dataset: "none (the classes are CIFAR-10's)",
    labels: 'cifar10',
    preprocess: CIFAR,
  },
  googlenet: { family: 'inception', ...IMAGENET },
};

/** The files of all of them, by path below the repository's root. @returns {Record<string, string | Uint8Array>} */
export function untrainedModels() {
  return Object.fromEntries(
    Object.entries(MODELS).flatMap(([architecture, facts]) => {
      const found = ARCHITECTURES[architecture];
      if (!found) throw new Error(`there is no architecture ${architecture}`);
      const { title, paper, input, build } = found;
      const id = `${architecture}-untrained`;
      const file = `${id}.onnx`;
      const bytes = toOnnx(build(), { weights: 'constant' });
      const { preprocess, ...others } = facts;
      const manifest = {
        $schema: '../manifest.schema.json',
        id,
        title: `${title}, untrained`,
        ...others,
        input: { name: 'input', layout: 'NCHW', height: input.height, width: input.width },
        preprocess,
        output: { name: 'prob', kind: 'probabilities' },
        batch: 'dynamic',
        variants: { fp32: { file, sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length } },
        default_variant: 'fp32',
        license: 'MIT',
        source: 'src/architectures of this project, written by npm run docs',
        paper,
        untrained: true,
        notes: 'The architecture without learned weights: every weight of a layer is the same constant.',
      };
      return [
        [`models/${id}/manifest.json`, `${JSON.stringify(manifest, null, 2)}\n`],
        [`models/${id}/${file}`, bytes],
      ];
    }),
  );
}
