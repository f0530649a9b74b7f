import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from '../../dist/onnx/file/wire.js';
import { body, each, floats, integer, modelOf, node, tensor, value } from './onnx-fields.mjs';

/** @import { Encodable } from '../../dist/onnx/file/wire.js' */

// Networks that nobody would want to serve, as ONNX files made here.

const [FLOAT, INT64, BOOL] = [1, 7, 9];
/** Height and width of the pictures that they take. */
const SIDE = 8;
const INPUTS = 3 * SIDE * SIDE;

const INPUT = value(11, 'x', FLOAT, [1, 3, SIDE, SIDE]);
const OUTPUT = value(12, 'y', FLOAT, [1, 2]);
/** From the picture to two scores, before whatever else is done. */
const SCORES = [node('Flatten', ['x'], ['f']), node('MatMul', ['f', 'w'], ['m'])];
/** The weights of `quick`, as a file of external data holds them. */
export const QUICK_WEIGHTS = floats(Array.from({ length: 2 * INPUTS }, (_, i) => (i % 7) / 100));
const WEIGHTS = tensor('w', FLOAT, [INPUTS, 2], QUICK_WEIGHTS);
const TRUE = tensor('true', BOOL, [], Uint8Array.of(1));

/** Answers at once. */
export const quick = () =>
  modelOf([node('Flatten', ['x'], ['f']), node('MatMul', ['f', 'w'], ['y']), WEIGHTS, INPUT, OUTPUT]);

/** A tensor whose values lie in a file beside the model's. @param {string} name @param {number[]} dims @param {string} location @returns {Encodable} */
const externalTensor = (name, dims, location) => [
  5,
  [
    ...each(1, dims),
    [2, FLOAT],
    [8, name],
    [
      13,
      [
        [1, 'location'],
        [2, location],
      ],
    ],
    [14, 1],
  ],
];

/** Answers as `quick`, with weights in a file beside it. @param {string} location */
export const quickWithExternalData = (location) =>
  modelOf([
    node('Flatten', ['x'], ['f']),
    node('MatMul', ['f', 'w'], ['y']),
    externalTensor('w', [INPUTS, 2], location),
    INPUT,
    OUTPUT,
  ]);

/** The same, but its weights belong to the branches of a condition. @param {string} location */
export const branchesWithExternalData = (location) => {
  /** @type {Encodable[]} */
  const branch = [
    node('MatMul', ['f', 'w'], ['b']),
    [2, 'branch'],
    externalTensor('w', [INPUTS, 2], location),
    value(12, 'b', FLOAT),
  ];
  return modelOf([
    node('Flatten', ['x'], ['f']),
    node('If', ['true'], ['y'], [body('then_branch', branch), body('else_branch', branch)]),
    TRUE,
    INPUT,
    OUTPUT,
  ]);
};

/** The body of a loop that changes nothing. @type {Encodable[]} */
const IDLE = [
  node('Identity', ['going'], ['goes']),
  node('Identity', ['v'], ['v2']),
  [2, 'b'],
  value(11, 'i', INT64, []),
  value(11, 'going', BOOL, []),
  value(11, 'v', FLOAT),
  value(12, 'goes', BOOL, []),
  value(12, 'v2', FLOAT),
];

/** A red picture, as PNG. */
export const RED = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAACXBIWXMAAAPoAAAD6AG1e1JrAAAAEUlEQVQI12P4z8CAFTEMLQkAKP8/waOJRGUAAAAASUVORK5CYII=',
  'base64',
);

/** From a picture to how much redder than blue it is, beyond one half: 0 for grey ones, on which networks are tried. */
const PLANE = SIDE * SIDE;
const REDNESS = tensor(
  'redness',
  FLOAT,
  [INPUTS, 1],
  floats(Array.from({ length: INPUTS }, (_, i) => (i < PLANE ? 1 : i < 2 * PLANE ? 0 : -1) / PLANE)),
);

/**
 * Goes round a loop `rounds` times for a red picture, and not at all for a grey one: when it is loaded it is quick.
 * @param {number} rounds three million take about a second
 */
export const slowIfRed = (rounds) =>
  modelOf([
    ...SCORES,
    node('MatMul', ['f', 'redness'], ['red']),
    node('Sub', ['red', 'half'], ['above']),
    node('Relu', ['above'], ['more']),
    node('Mul', ['more', 'rounds'], ['product']),
    node('ReduceSum', ['product'], ['n'], [integer('keepdims', 0)]),
    node('Cast', ['n'], ['count'], [integer('to', INT64)]),
    REDNESS,
    tensor('half', FLOAT, [], floats([0.5])),
    node('Loop', ['count', 'true', 'm'], ['y'], [body('body', IDLE)]),
    WEIGHTS,
    tensor('rounds', FLOAT, [], floats([2 * rounds])),
    TRUE,
    INPUT,
    OUTPUT,
  ]);

/** Never ends for a red picture. */
export const endlessIfRed = () => slowIfRed(1e18);

/** Never ends. */
export const endless = () =>
  modelOf([...SCORES, node('Loop', ['', 'true', 'm'], ['y'], [body('body', IDLE)]), WEIGHTS, TRUE, INPUT, OUTPUT]);

/** Asks for 100 GB when it is run. */
export function hoarding() {
  const shape = new Uint8Array(BigInt64Array.from([25n, 1024n, 1024n, 1024n]).buffer);
  return modelOf([
    ...SCORES,
    node('ConstantOfShape', ['shape'], ['all']),
    node('ReduceSum', ['all'], ['sum'], [integer('keepdims', 0)]),
    node('Add', ['m', 'sum'], ['y']),
    WEIGHTS,
    tensor('shape', INT64, [4], shape),
    INPUT,
    OUTPUT,
  ]);
}

/** @param {string} id */
const manifestOf = (id) => ({
  id,
  title: id,
  family: 'hostile',
  dataset: 'none',
  labels: './labels.txt',
  input: { name: 'x', layout: 'NCHW', height: SIDE, width: SIDE },
  preprocess: {
    resize: { mode: 'exact', filter: 'bilinear' },
    color: 'RGB',
    scale: 1 / 255,
    mean: [0, 0, 0],
    std: [1, 1, 1],
  },
  output: { name: 'y', kind: 'logits' },
  batch: 1,
  variants: { fp32: { file: `${id}.onnx` } },
  default_variant: 'fp32',
  license: 'MIT',
});

/** Makes a model of a network. @param {string} directory of models @param {string} id @param {Uint8Array} file */
export function writeModel(directory, id, file) {
  const folder = join(directory, id);
  mkdirSync(folder, { recursive: true });
  const manifest = manifestOf(id);
  const sha256 = createHash('sha256').update(file).digest('hex');
  const variants = { fp32: { file: `${id}.onnx`, sha256, bytes: file.length } };
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, variants }));
  writeFileSync(join(folder, 'labels.txt'), 'one\ntwo\n');
  writeFileSync(join(folder, `${id}.onnx`), file);
}

/**
 * Makes a model whose file is large: its weights are zeros, which a disk need not hold.
 * @param {string} directory of models @param {string} id @param {number} mib
 */
export function writeLargeModel(directory, id, mib) {
  const hidden = Math.floor((mib * 1024 * 1024) / (4 * INPUTS));
  writeModel(directory, id, new Uint8Array());
  const manifest = manifestOf(id);
  writeFileSync(join(directory, id, 'manifest.json'), JSON.stringify(manifest));
  // A field's number and kind, and the length of what it holds, that of the large tensor's values being last.
  const bytes = 4 * INPUTS * hidden;
  const head = tensorStart('w', [INPUTS, hidden], bytes);
  const inner = encode([
    node('Flatten', ['x'], ['f']),
    node('MatMul', ['f', 'w'], ['h']),
    node('MatMul', ['h', 'v'], ['y']),
    tensor('v', FLOAT, [hidden, 2], new Uint8Array(8 * hidden)),
    INPUT,
    OUTPUT,
    [2, 'g'],
  ]);
  const tensorField = Buffer.concat([Buffer.from([0x2a]), varint(head.length + bytes), head]);
  const graph = Buffer.concat([inner, tensorField]);
  const model = Buffer.concat([
    encode([
      [1, 8],
      [8, [[2, 17]]],
    ]),
    Buffer.from([0x3a]),
    varint(graph.length + bytes),
    graph,
  ]);
  const file = join(directory, id, `${id}.onnx`);
  const descriptor = openSync(file, 'w');
  writeSync(descriptor, model);
  closeSync(descriptor);
  truncateSync(file, model.length + bytes);
}

/** A tensor up to its values. @param {string} name @param {number[]} dims @param {number} bytes */
function tensorStart(name, dims, bytes) {
  const fields = encode([...each(1, dims), [2, FLOAT], [8, name]]);
  return Buffer.concat([fields, Buffer.from([0x4a]), varint(bytes)]);
}

/** @param {number} number */
function varint(number) {
  const bytes = [];
  let rest = number;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}
