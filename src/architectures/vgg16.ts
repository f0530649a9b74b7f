import type { Architecture } from './architecture.js';
import { network } from './builder.js';

const input = { channels: 3, height: 224, width: 224 };

/** Number of convolutions and filters in each stage: 224x224x64, 112x112x128, 56x56x256, 28x28x512, 14x14x512. */
const CONVOLUTION_STAGES = [
  { convolutions: 2, filters: 64 },
  { convolutions: 2, filters: 128 },
  { convolutions: 3, filters: 256 },
  { convolutions: 3, filters: 512 },
  { convolutions: 3, filters: 512 },
];

/** VGG-16, the paper's configuration D, for ImageNet's 1000 classes: 138,357,544 parameters. */
export const vgg16: Architecture = {
  title: 'VGG-16',
  paper:
    'Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, 2014, arXiv:1409.1556',
  input,
  build() {
    const g = network('vgg16', input);
    let x = g.input;
    for (const [i, { convolutions, filters }] of CONVOLUTION_STAGES.entries()) {
      for (let k = 1; k <= convolutions; k++) {
        x = g.relu(g.conv(x, { name: `conv${i + 1}_${k}`, filters, kernel: 3, padding: 'same' }));
      }
      x = g.maxPool(x, { name: `pool${i + 1}`, kernel: 2, stride: 2 });
    }
    x = g.flatten(x); // 7x7x512 = 25088
    x = g.dropout(g.relu(g.dense(x, { name: 'fc6', units: 4096 })));
    x = g.dropout(g.relu(g.dense(x, { name: 'fc7', units: 4096 })));
    g.output(g.softmax(g.dense(x, { name: 'fc8', units: 1000 })));
    return g;
  },
};
