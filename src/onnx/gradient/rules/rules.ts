import { clip, hardSigmoid, hardSwish, leakyRelu, relu, sigmoid, tanh } from './activation.js';
import { addition, division, multiplication, subtraction, sumOfSeveral } from './arithmetic.js';
import { convolution } from './convolution.js';
import { gemm, matMul } from './linear.js';
import { batchNormalization } from './normalization.js';
import { averagePool, globalAveragePool, maxPool, reduceMean } from './pooling.js';
import type { Rule } from './rule.js';
import { concat, reshape, split, transpose } from './shape.js';
import { pad, slice } from './slice.js';

/** The rule of each operator that has one. Identity, Dropout and Cast need none: they are not layers. */
export const RULES: ReadonlyMap<string, Rule> = new Map(
  Object.entries({
    Add: addition,
    AveragePool: averagePool,
    BatchNormalization: batchNormalization,
    Clip: clip,
    Concat: concat,
    Conv: convolution,
    Div: division,
    Flatten: reshape,
    Gemm: gemm,
    GlobalAveragePool: globalAveragePool,
    HardSigmoid: hardSigmoid,
    HardSwish: hardSwish,
    LeakyRelu: leakyRelu,
    MatMul: matMul,
    MaxPool: maxPool,
    Mul: multiplication,
    Pad: pad,
    ReduceMean: reduceMean,
    Relu: relu,
    Reshape: reshape,
    Sigmoid: sigmoid,
    Slice: slice,
    Split: split,
    Squeeze: reshape,
    Sub: subtraction,
    Sum: sumOfSeveral,
    Tanh: tanh,
    Transpose: transpose,
    Unsqueeze: reshape,
  }),
);
