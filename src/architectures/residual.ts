import { at } from '../core/at.js';
import type { Architecture } from './architecture.js';
import { type BuiltNetwork, type ConvOptions, network, type Tensor } from './builder.js';

const paper = 'He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, 2015, arXiv:1512.03385';
const input = { channels: 3, height: 224, width: 224 };

/**
 * Adds a unit without its shortcut and last ReLU.
 * @param name of the unit, such as `2a`, for the names of the layers
 * @param kind prefix of the convolutions' names: `res` or `plain`
 */
type Branch = (
  g: BuiltNetwork,
  x: Tensor,
  unit: { kind: string; name: string; filters: number; stride: number },
) => Tensor;

/** ResNet-18 and 34, and the plain networks: two 3x3 convolutions. */
const basic: Branch = (g, x, { kind, name, filters, stride }) => {
  let y = normalised(g, x, { name: `${kind}${name}_branch2a`, filters, kernel: 3, stride, padding: 'same' });
  y = g.relu(y);
  return normalised(g, y, { name: `${kind}${name}_branch2b`, filters, kernel: 3, padding: 'same' });
};

/** ResNet-50: 1x1 to a quarter of the channels, 3x3, and 1x1 back. */
const bottleneck: Branch = (g, x, { kind, name, filters, stride }) => {
  const inner = filters / 4;
  let y = g.relu(normalised(g, x, { name: `${kind}${name}_branch2a`, filters: inner, kernel: 1 }));
  y = normalised(g, y, { name: `${kind}${name}_branch2b`, filters: inner, kernel: 3, stride, padding: 'same' });
  return normalised(g, g.relu(y), { name: `${kind}${name}_branch2c`, filters, kernel: 1 });
};

/** ResNet-18: 11,689,512 parameters. */
export const resnet18 = residual('resnet18', 'ResNet-18', basic, [2, 2, 2, 2]);
/** ResNet-34: 21,797,672 parameters. */
export const resnet34 = residual('resnet34', 'ResNet-34', basic, [3, 4, 6, 3]);
/**
 * ResNet-50: 25,557,032 parameters, and 53,120 running statistics. The 3x3 convolutions have the stride of 2, as in torchvision
 * ("v1.5", 4.09 billion MACs); in the paper the 1x1 convolutions before them do (3.86 billion).
 */
export const resnet50 = residual('resnet50', 'ResNet-50 v1.5', bottleneck, [3, 4, 6, 3]);
/** ResNet-18 without its shortcuts. */
export const plain18 = residual('plain18', 'Plain network, 18 layers', basic, [2, 2, 2, 2], false);
/** ResNet-34 without its shortcuts. */
export const plain34 = residual('plain34', 'Plain network, 34 layers', basic, [3, 4, 6, 3], false);

/** Four stages of units at 56x56, 28x28, 14x14 and 7x7, each with twice the filters of the previous one. */
function residual(id: string, title: string, branch: Branch, units: number[], shortcuts = true): Architecture {
  const build = () => {
    const g = network(id, input);
    let x = g.conv(g.input, { name: 'conv1', filters: 64, kernel: 7, stride: 2, padding: 'same', bias: false });
    x = g.relu(g.batchNorm(x, { name: 'bn_conv1' }), { name: 'conv1_relu' }); // 112x112x64
    x = g.maxPool(x, { name: 'pool1', kernel: 3, stride: 2, padding: 'same' }); // 56x56x64
    for (const [stage, count] of units.entries()) {
      const filters = (branch === bottleneck ? 256 : 64) * 2 ** stage;
      for (let k = 0; k < count; k++) {
        const name = `${stage + 2}${'abcdef'[k]}`;
        const stride = k === 0 && stage > 0 ? 2 : 1;
        const kind = shortcuts ? 'res' : 'plain';
        const y = branch(g, x, { kind, name, filters, stride });
        x = g.relu(shortcuts ? addShortcut(g, x, y, name, stride) : y, { name: `${kind}${name}_relu` });
      }
    }
    x = g.flatten(g.globalAveragePool(x, { name: 'pool5' }));
    g.output(g.softmax(g.dense(x, { name: 'fc1000', units: 1000 })));
    return g;
  };
  return { title, paper, input, build };
}

/** y + x; if the shapes differ, x passes through a 1x1 convolution (the paper's option B). */
function addShortcut(g: BuiltNetwork, x: Tensor, y: Tensor, name: string, stride: number): Tensor {
  const filters = at(y.shape, 0);
  const same = stride === 1 && x.shape[0] === filters;
  const shortcut = same ? x : normalised(g, x, { name: `res${name}_branch1`, filters, kernel: 1, stride });
  return g.add(shortcut, y, { name: `res${name}` });
}

/** A convolution without bias and batch normalisation, named for example `res2a_branch2a` and `bn2a_branch2a`. */
function normalised(g: BuiltNetwork, x: Tensor, options: ConvOptions): Tensor {
  const y = g.conv(x, { ...options, bias: false });
  return g.batchNorm(y, { name: options.name.replace(/^[a-z]+/, 'bn') });
}
