import type { Architecture } from './architecture.js';
import { network } from './builder.js';

const input = { channels: 3, height: 227, width: 227 };
/** The paper's k = 2, n = 5, alpha = 1e-4, beta = 0.75. */
const RESPONSE = { size: 5, alpha: 5e-4, beta: 0.75, bias: 2 };
const POOL = { kernel: 3, stride: 2 };

/**
 * AlexNet for ImageNet's 1000 classes, 62,378,344 parameters. One tower: the second, fourth and fifth convolution take all
 * maps as input; in the paper they are split between two GPUs (60,965,224 parameters). Local response normalisation as in the
 * paper.
 */
export const alexnet: Architecture = {
  title: 'AlexNet, one tower',
  paper:
    'Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional Neural Networks, 2012, doi:10.1145/3065386',
  input,
  build() {
    const g = network('alexnet', input);
    let x = g.relu(g.conv(g.input, { name: 'conv1', filters: 96, kernel: 11, stride: 4 })); // 55x55x96
    x = g.lrn(x, { name: 'norm1', ...RESPONSE });
    x = g.maxPool(x, { name: 'pool1', ...POOL }); // 27x27x96
    x = g.relu(g.conv(x, { name: 'conv2', filters: 256, kernel: 5, padding: 'same' })); // 27x27x256
    x = g.lrn(x, { name: 'norm2', ...RESPONSE });
    x = g.maxPool(x, { name: 'pool2', ...POOL }); // 13x13x256
    x = g.relu(g.conv(x, { name: 'conv3', filters: 384, kernel: 3, padding: 'same' })); // 13x13x384
    x = g.relu(g.conv(x, { name: 'conv4', filters: 384, kernel: 3, padding: 'same' })); // 13x13x384
    x = g.relu(g.conv(x, { name: 'conv5', filters: 256, kernel: 3, padding: 'same' })); // 13x13x256
    x = g.maxPool(x, { name: 'pool5', ...POOL }); // 6x6x256
    x = g.flatten(x); // 9216
    x = g.dropout(g.relu(g.dense(x, { name: 'fc6', units: 4096 })));
    x = g.dropout(g.relu(g.dense(x, { name: 'fc7', units: 4096 })));
    g.output(g.softmax(g.dense(x, { name: 'fc8', units: 1000 })));
    return g;
  },
};
