#!/usr/bin/env node
// Measures what a training step of networks' last layers costs, against PyTorch.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { bytesInMemory } from '../../dist/core/byte-source.js';
import { countOf } from '../../dist/core/shape.js';
import { readModel } from '../../dist/onnx/file/model.js';
import { tailGraph } from '../../dist/onnx/gradient/tail-graph.js';
import { tailProbe } from '../../dist/onnx/gradient/tail-probe.js';
import { readCommandLine, refuseCommandLine } from '../shared/command-line.mjs';
import { inTemporaryFolder } from '../shared/temporary-folder.mjs';
import { keepFigures, MACHINE } from './measuring.mjs';
import { spreadOf } from './statistics.mjs';

const HELP = `Usage: node scripts/measure/measure-tail-steps.mjs --assets <folder> --python <program> [--only <text>]

Runs training steps in turn with ONNX Runtime and with PyTorch, on one thread each and on the same values, and writes the times,
and how far the gradients of both are from double precision, to docs/measured/tail-steps.json. It takes some minutes.

  --assets <folder>   networks (its README.md says what is what)
  --python <program>  a Python with PyTorch and onnx
  --only <text>       networks whose file has this in its name, to try it out (nothing is written)
  --help              this text
`;

const { values: options } = readCommandLine(HELP, {
  assets: { type: 'string' },
  python: { type: 'string' },
  only: { type: 'string' },
});
const { assets, python, only = '' } = options;
if (assets === undefined || python === undefined) refuseCommandLine(HELP, 'Name the folder of the assets, and Python.');

const [ROWS, CLASSES, ROUNDS] = [32, 10, 9];
/** What is measured: the bundled networks' tails and the assets', with fewer than 10 million weights. */
const CASES = [
  {
    file: 'models/cifar10-resnet20/cifar10-resnet20.onnx',
    depth: 'stage',
    tensor: 'stage2.block3.relu2',
    dims: [32, 16, 16],
  },
  { file: 'models/cifar10-inception/cifar10-inception.onnx', depth: 'stage', tensor: 'pool4', dims: [288, 4, 4] },
  {
    file: 'models/efficientnet-lite0/efficientnet-lite0.onnx',
    depth: 'last-block',
    tensor: 'stage6.4.add',
    dims: [192, 7, 7],
  },
  {
    file: 'models/efficientnet-lite0/efficientnet-lite0.onnx',
    depth: 'stage',
    tensor: 'stage5.3.add',
    dims: [112, 14, 14],
  },
  { file: 'models/mobilenetv2.onnx', depth: 'last-block', tensor: 't90', dims: [160, 7, 7] },
  { file: 'models/mobilenetv2.onnx', depth: 'stage', tensor: 't73', dims: [96, 14, 14] },
  { file: 'models/resnet18.onnx', depth: 'last-block', tensor: 't126', dims: [512, 7, 7] },
  { file: 'models/resnet18.onnx', depth: 'stage', tensor: 't105', dims: [256, 14, 14] },
  { file: 'models/resnet50.onnx', depth: 'last-block', tensor: 't357', dims: [2048, 7, 7] },
  { file: 'models/squeezenet1.1.onnx', depth: 'stage', tensor: 't33', dims: [256, 13, 13] },
  { file: 'onnx-light/densenet121.onnx', depth: 'last-block', tensor: 'r886', dims: [992, 7, 7] },
  { file: 'onnx-light/shufflenet.onnx', depth: 'stage', tensor: 'r149', dims: [272, 14, 14] },
];
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SERVER = fileURLToPath(new URL('../reference/serve_tail_steps.py', import.meta.url));

const rows = [];
for (const { file, ...cut } of CASES.filter((each) => each.file.includes(only))) {
  const path = join(/^models\/.*\//.test(file) ? ROOT : assets, file);
  rows.push({ file, depth: cut.depth, ...(await measure(path, cut)) });
  console.log(JSON.stringify(rows.at(-1)));
}
if (only === '') keepFigures('tail-steps', { machine: MACHINE, rows_per_step: ROWS, rounds: ROUNDS, rows });

/**
 * Steps of both in turn, so that whatever else the machine does falls on both.
 * @param {string} path @param {{ depth: string, tensor: string, dims: number[] }} cut
 */
async function measure(path, { depth, tensor, dims }) {
  const { session, feeds, weights } = await trainingStep(path, { depth, tensor, dims });
  const torch = startTorch(path, tensor, dims);
  /** @type {{ own: number[], torch: number[] }} */
  const times = { own: [], torch: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    const began = process.cpuUsage();
    await session.run(feeds);
    const { user, system } = process.cpuUsage(began);
    const theirs = Number(await torch.ask('step'));
    if (round === 0) continue;
    times.own.push((user + system) / 1000);
    times.torch.push(theirs);
  }
  const results = await session.run(feeds);
  const errors = await inTemporaryFolder(async (folder) => {
    const gradients = join(folder, 'gradients');
    writeFileSync(gradients, Buffer.concat(weights.map((name) => bytesOf(results[`gradient/${name}`]))));
    return JSON.parse(await torch.ask(`compare ${gradients}`));
  });
  torch.end();
  await session.release();
  const [own, theirs] = [spreadOf(times.own), spreadOf(times.torch)];
  return { own_ms: own, torch_ms: theirs, ratio: Number((own.median / theirs.median).toFixed(2)), error: errors };
}

/** @param {string} path @param {{ depth: string, tensor: string, dims: number[] }} where */
async function trainingStep(path, { depth, tensor, dims }) {
  const bytes = readFileSync(path);
  const output = readModel(bytesInMemory(bytes)).outputs[0]?.name ?? '';
  const cut = {
    depth: depth === 'stage' ? /** @type {const} */ ('stage') : /** @type {const} */ ('last-block'),
    tensor,
    dims,
    output,
    weights: 0,
    frozen: [],
  };
  const probe = tailProbe(bytes, cut);
  const probing = await InferenceSession.create(probe.bytes, {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 3,
  });
  const observed = await probing.run({ [probe.input]: floats(new Float32Array(countOf(probe.dims)), probe.dims) });
  await probing.release();
  const graph = tailGraph(bytes, cut, CLASSES, observed);
  const size = graph.weights.find(({ name }) => name === 'head.weight')?.dims[1] ?? 0;
  /** @type {Record<string, Tensor>} */
  const feeds = {
    activations: floats(
      noise(1, ROWS * countOf(dims)).map((value) => 3 * value - 1),
      [ROWS, ...dims],
    ),
    targets: floats(noise(2, ROWS * CLASSES), [ROWS, CLASSES]),
  };
  for (const { name, values, dims } of graph.weights) feeds[name] = floats(values, dims);
  feeds['head.weight'] = floats(
    noise(3, CLASSES * size).map((value) => value - 0.5),
    [CLASSES, size],
  );
  feeds['head.bias'] = floats(
    noise(4, CLASSES).map((value) => value - 0.5),
    [CLASSES],
  );
  const session = await InferenceSession.create(graph.bytes, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  return { session, feeds, weights: graph.weights.map(({ name }) => name) };
}

/** @param {string} path @param {string} tensor @param {number[]} dims */
function startTorch(path, tensor, dims) {
  const args = [
    SERVER,
    path,
    '--start',
    tensor,
    '--dims',
    dims.join('x'),
    '--rows',
    String(ROWS),
    '--classes',
    String(CLASSES),
  ];
  const child = spawn(python ?? '', args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    /** @param {string} line @returns {Promise<string>} */
    ask: async (line) => {
      child.stdin.write(`${line}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error('the Python program ended');
      return value;
    },
    end: () => child.stdin.end(),
  };
}

/** @param {ArrayLike<number>} values @param {readonly number[]} dims */
function floats(values, dims) {
  return new Tensor('float32', Float32Array.from(values), dims);
}

/** @param {Tensor | undefined} tensor */
function bytesOf(tensor) {
  if (!(tensor?.data instanceof Float32Array)) throw new Error('a gradient is missing');
  return new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
}

/** Numbers from 0 to 1: those of scripts/reference/onnx_in_torch.py. @param {number} seed @param {number} count */
function noise(seed, count) {
  return Float64Array.from({ length: count }, (_, i) => {
    let x = (Math.imul(i, 2654435761) + seed * 40503) >>> 0;
    x = (x ^ (x >>> 16)) >>> 0;
    x = Math.imul(x, 2246822519) >>> 0;
    return ((x ^ (x >>> 13)) >>> 0) / 2 ** 32;
  });
}
