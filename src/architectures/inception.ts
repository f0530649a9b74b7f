import type { Architecture } from './architecture.js';
import { type BuiltNetwork, type ConvOptions, network, type Tensor } from './builder.js';

const paper = 'Szegedy et al.: Going Deeper with Convolutions, 2014, arXiv:1409.4842';
const input = { channels: 3, height: 224, width: 224 };
const volume = { channels: 192, height: 28, width: 28 };

/** Filters: 1x1; 1x1 then 3x3; 1x1 then 5x5; 1x1 after the pool. */
type Filters = [one: number, reduce3: number, three: number, reduce5: number, five: number, pool: number];

/** Table 1 of the paper. */
const MODULES = {
  '3a': [64, 96, 128, 16, 32, 32], // 28x28x256
  '3b': [128, 128, 192, 32, 96, 64], // 28x28x480
  '4a': [192, 96, 208, 16, 48, 64], // 14x14x512
  '4b': [160, 112, 224, 24, 64, 64], // 14x14x512
  '4c': [128, 128, 256, 24, 64, 64], // 14x14x512
  '4d': [112, 144, 288, 32, 64, 64], // 14x14x528
  '4e': [256, 160, 320, 32, 128, 128], // 14x14x832
  '5a': [256, 160, 320, 32, 128, 128], // 7x7x832
  '5b': [384, 192, 384, 48, 128, 128], // 7x7x1024
} satisfies Record<string, Filters>;

/** Caffe's pooling: the last window extends beyond the edge, so that sizes halve exactly. */
const POOL = { kernel: 3, stride: 2, ceil: true };
/** As in Caffe's model; the paper gives no figures. */
const LRN = { size: 5, alpha: 1e-4, beta: 0.75, bias: 1 };

/**
 * GoogLeNet for ImageNet's 1000 classes: 6,998,552 parameters, and 6,379,728 more in the two auxiliary heads, which are the
 * second and third output. Layers are named as in Caffe's model.
 */
export const googlenet: Architecture = {
  title: 'GoogLeNet',
  paper,
  input,
  build() {
    const g = network('googlenet', input);
    let x = conv(g, g.input, { name: 'conv1/7x7_s2', filters: 64, kernel: 7, stride: 2 }); // 112x112x64
    x = g.maxPool(x, { name: 'pool1/3x3_s2', ...POOL }); // 56x56x64
    x = g.lrn(x, { name: 'pool1/norm1', ...LRN });
    x = conv(g, x, { name: 'conv2/3x3_reduce', filters: 64, kernel: 1 });
    x = conv(g, x, { name: 'conv2/3x3', filters: 192, kernel: 3 }); // 56x56x192
    x = g.lrn(x, { name: 'conv2/norm2', ...LRN });
    x = g.maxPool(x, { name: 'pool2/3x3_s2', ...POOL }); // 28x28x192
    x = inception(g, x, 'inception_3a', MODULES['3a']);
    x = inception(g, x, 'inception_3b', MODULES['3b']);
    x = g.maxPool(x, { name: 'pool3/3x3_s2', ...POOL }); // 14x14x480
    const early = inception(g, x, 'inception_4a', MODULES['4a']);
    x = inception(g, early, 'inception_4b', MODULES['4b']);
    x = inception(g, x, 'inception_4c', MODULES['4c']);
    const late = inception(g, x, 'inception_4d', MODULES['4d']);
    x = inception(g, late, 'inception_4e', MODULES['4e']);
    x = g.maxPool(x, { name: 'pool4/3x3_s2', ...POOL }); // 7x7x832
    x = inception(g, x, 'inception_5a', MODULES['5a']);
    x = inception(g, x, 'inception_5b', MODULES['5b']);
    x = g.flatten(g.averagePool(x, { name: 'pool5/7x7_s1', kernel: 7 })); // 1024
    x = g.dense(g.dropout(x), { name: 'loss3/classifier', units: 1000 });
    g.output(g.softmax(x));
    auxiliary(g, early, 'loss1');
    auxiliary(g, late, 'loss2');
    return g;
  },
};

/** GoogLeNet's first module by itself: 28x28x192 -> 28x28x256. */
export const inceptionModule: Architecture = {
  title: 'Inception module',
  paper,
  input: volume,
  build() {
    const g = network('inception-module', volume);
    g.output(inception(g, g.input, 'inception_3a', MODULES['3a']));
    return g;
  },
};

/** The module's 5x5 branch without a bottleneck, 28x28x192 -> 28x28x32: 120,422,400 MACs. */
export const inception5x5: Architecture = {
  title: 'Inception 5x5 branch without bottleneck',
  paper,
  input: volume,
  build() {
    const g = network('inception-5x5', volume);
    g.output(conv(g, g.input, { name: '5x5', filters: 32, kernel: 5 }));
    return g;
  },
};

/** The module's 5x5 branch with its bottleneck, 28x28x192 -> 28x28x16 -> 28x28x32: 2,408,448 + 10,035,200 = 12,443,648 MACs. */
export const inception5x5Bottleneck: Architecture = {
  title: 'Inception 5x5 branch with bottleneck',
  paper,
  input: volume,
  build() {
    const g = network('inception-5x5-bottleneck', volume);
    const reduced = conv(g, g.input, { name: '5x5_reduce', filters: 16, kernel: 1 });
    g.output(conv(g, reduced, { name: '5x5', filters: 32, kernel: 5 }));
    return g;
  },
};

/** Four parallel branches: [c, h, w] -> [one + three + five + pool, h, w]. */
function inception(g: BuiltNetwork, x: Tensor, name: string, filters: Filters): Tensor {
  const [one, reduce3, three, reduce5, five, pool] = filters;
  const a = conv(g, x, { name: `${name}/1x1`, filters: one, kernel: 1 });
  let b = conv(g, x, { name: `${name}/3x3_reduce`, filters: reduce3, kernel: 1 });
  b = conv(g, b, { name: `${name}/3x3`, filters: three, kernel: 3 });
  let c = conv(g, x, { name: `${name}/5x5_reduce`, filters: reduce5, kernel: 1 });
  c = conv(g, c, { name: `${name}/5x5`, filters: five, kernel: 5 });
  let d = g.maxPool(x, { name: `${name}/pool`, kernel: 3, padding: 'same' });
  d = conv(g, d, { name: `${name}/pool_proj`, filters: pool, kernel: 1 });
  return g.concat([a, b, c, d], { name: `${name}/output` });
}

/** An auxiliary head: a side branch from the middle of the network with its own softmax. */
function auxiliary(g: BuiltNetwork, x: Tensor, name: string): void {
  x = g.averagePool(x, { name: `${name}/ave_pool`, kernel: 5, stride: 3 }); // 4x4
  x = conv(g, x, { name: `${name}/conv`, filters: 128, kernel: 1 });
  x = g.relu(g.dense(g.flatten(x), { name: `${name}/fc`, units: 1024 }));
  x = g.dense(g.dropout(x), { name: `${name}/classifier`, units: 1000 });
  g.output(g.softmax(x, { name: `${name}/prob` }));
}

/** A convolution with padding 'same', followed by ReLU. */
function conv(g: BuiltNetwork, x: Tensor, options: ConvOptions): Tensor {
  return g.relu(g.conv(x, { padding: 'same', ...options }));
}
