import { alexnet } from './alexnet.js';
import type { Architecture } from './architecture.js';
import { googlenet, inception5x5, inception5x5Bottleneck, inceptionModule } from './inception.js';
import { lenet5 } from './lenet5.js';
import { networkInNetwork, oneByOne } from './network-in-network.js';
import { plain18, plain34, resnet18, resnet34, resnet50 } from './residual.js';
import { vgg16 } from './vgg16.js';

/** The classic networks, and parts of them for explanation, by id. */
export const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  lenet5,
  alexnet,
  vgg16,
  plain18,
  plain34,
  resnet18,
  resnet34,
  resnet50,
  'network-in-network': networkInNetwork,
  'one-by-one': oneByOne,
  'inception-module': inceptionModule,
  'inception-5x5': inception5x5,
  'inception-5x5-bottleneck': inception5x5Bottleneck,
  googlenet,
};
