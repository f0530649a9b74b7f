import type { Architecture } from './architecture.js';
import { type BuiltNetwork, network, type Tensor } from './builder.js';

const paper = 'Lin, Chen, Yan: Network In Network, 2013, arXiv:1312.4400';
const input = { channels: 3, height: 32, width: 32 };
/** Caffe's pooling: the last window extends beyond the edge, so that 32 becomes 16 and then 8. */
const POOL = { kernel: 3, stride: 2, ceil: true };

/**
 * Network in network for CIFAR-10, as its authors published it for Caffe: 966,986 parameters. Three convolutions, each followed by
 * a small fully connected network at every position (two 1x1 convolutions, named `cccp`); the average of one map per class
 * replaces fully connected layers.
 */
export const networkInNetwork: Architecture = {
  title: 'Network in network, CIFAR-10',
  paper,
  input,
  build() {
    const g = network('network-in-network', input);
    let x = g.relu(g.conv(g.input, { name: 'conv1', filters: 192, kernel: 5, padding: 'same' })); // 32x32x192
    x = pointwise(g, pointwise(g, x, 'cccp1', 160), 'cccp2', 96); // 32x32x96
    x = g.dropout(g.maxPool(x, { name: 'pool1', ...POOL })); // 16x16x96
    x = g.relu(g.conv(x, { name: 'conv2', filters: 192, kernel: 5, padding: 'same' })); // 16x16x192
    x = pointwise(g, pointwise(g, x, 'cccp3', 192), 'cccp4', 192); // 16x16x192
    x = g.dropout(g.averagePool(x, { name: 'pool2', ...POOL })); // 8x8x192
    x = g.relu(g.conv(x, { name: 'conv3', filters: 192, kernel: 3, padding: 'same' })); // 8x8x192
    x = pointwise(g, pointwise(g, x, 'cccp5', 192), 'cccp6', 10); // 8x8x10
    x = g.flatten(g.globalAveragePool(x, { name: 'pool3' }));
    g.output(g.softmax(x));
    return g;
  },
};

const volume = { channels: 192, height: 28, width: 28 };

/** A 1x1 convolution: 32 filters turn 28x28x192 into 28x28x32. */
export const oneByOne: Architecture = {
  title: 'One 1x1 convolution',
  paper,
  input: volume,
  build() {
    const g = network('one-by-one', volume);
    g.output(pointwise(g, g.input, 'conv1x1', 32));
    return g;
  },
};

function pointwise(g: BuiltNetwork, x: Tensor, name: string, filters: number): Tensor {
  return g.relu(g.conv(x, { name, filters, kernel: 1 }));
}
