import type { Architecture } from './architecture.js';
import { network } from './builder.js';

const input = { channels: 1, height: 32, width: 32 };

/**
 * LeNet-5 for 10 digits, 61,706 parameters. Layers are named as in the paper. As in most later versions, C3 takes all maps of S2
 * as input, S2 and S4 have no parameters, tanh is not scaled, and softmax replaces the radial basis functions.
 */
export const lenet5: Architecture = {
  title: 'LeNet-5',
  paper:
    'LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document Recognition, 1998, doi:10.1109/5.726791',
  input,
  build() {
    const g = network('lenet5', input);
    let x = g.tanh(g.conv(g.input, { name: 'c1', filters: 6, kernel: 5 })); // 28x28x6
    x = g.averagePool(x, { name: 's2', kernel: 2, stride: 2 }); // 14x14x6
    x = g.tanh(g.conv(x, { name: 'c3', filters: 16, kernel: 5 })); // 10x10x16
    x = g.averagePool(x, { name: 's4', kernel: 2, stride: 2 }); // 5x5x16
    x = g.flatten(x); // 400
    x = g.tanh(g.dense(x, { name: 'c5', units: 120 }));
    x = g.tanh(g.dense(x, { name: 'f6', units: 84 }));
    g.output(g.softmax(g.dense(x, { name: 'digits', units: 10 })));
    return g;
  },
};
