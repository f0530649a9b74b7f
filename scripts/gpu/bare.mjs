#!/usr/bin/env node
// What a network does on a GPU without a server: its answers beside the CPU's, and pictures a second by the size of batches.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { inputShape } from '../../dist/core/manifest/input-shape.js';
import { createNormalise } from '../../dist/core/pixels/normalise.js';
import { softmax } from '../../dist/core/scores/activation.js';
import { renderViews } from '../../dist/core/views/render.js';
import { cropViews, geometryOf } from '../../dist/core/views/views.js';
import { decode } from '../../dist/imaging/decode.js';
import { openNetworks } from '../bench/networks.mjs';
import { ASSETS } from '../measure/asset-models.mjs';
import { readCommandLine } from '../shared/command-line.mjs';
import { inTemporaryFolder } from '../shared/temporary-folder.mjs';

const HELP = `Usage: node scripts/gpu/bare.mjs [options]

Runs networks with ONNX Runtime alone. For every size of a batch: how long the first run took, pictures a second, the greatest difference
of a probability from the CPU's, and whether the best class is the CPU's for every picture. One line of JSON for each.

  --provider <name>   cuda (default) or cpu
  --assets <folder>   default $ASSETS_DIR or ../shared/assets
  --networks <list>   default squeezenet1.1,resnet50
  --batches <list>    default 1,8,32,64
  --seconds <s>       of a measurement (default 1.5)
  --help              this text
`;
const { values } = readCommandLine(HELP, {
  provider: { type: 'string', default: 'cuda' },
  assets: { type: 'string', default: ASSETS },
  networks: { type: 'string', default: 'squeezenet1.1,resnet50' },
  batches: { type: 'string', default: '1,8,32,64' },
  seconds: { type: 'string', default: '1.5' },
});

/** @typedef {import('../bench/networks.mjs').Network} Network */

/** @param {Network} network */
async function measure({ name, file, manifest }) {
  const rows = await picturesFor(manifest);
  const cpu = await open(file, 'cpu');
  /** @type {number[][]} */
  const expected = [];
  for (const row of rows) expected.push(...(await probabilities(cpu, manifest, [row])));
  await cpu.release();
  const session = await open(file, values.provider);
  for (const batch of values.batches.split(',').map(Number)) {
    const shown = Array.from({ length: batch }, (_, i) => i % rows.length);
    const input = tensorOf(
      manifest,
      shown.map((i) => rows[i] ?? new Float32Array()),
    );
    const began = performance.now();
    await session.run({ [manifest.input.name]: input });
    const first = performance.now() - began;
    const rate = await picturesPerSecond(session, manifest.input.name, input, batch);
    const found = await probabilities(
      session,
      manifest,
      shown.map((i) => rows[i] ?? new Float32Array()),
    );
    const wanted = shown.map((i) => expected[i] ?? []);
    const line = {
      network: name,
      provider: values.provider,
      batch,
      first_run_ms: rounded(first),
      images_per_s: rounded(rate),
      pictures: Math.min(batch, rows.length),
      greatest_difference: rounded(Math.max(...found.map((scores, i) => difference(scores, wanted[i] ?? [])))),
      same_class: found.every((scores, i) => best(scores) === best(wanted[i] ?? [])),
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  }
  await session.release();
}

/** @param {string} file @param {string} provider */
function open(file, provider) {
  const executionMode = /** @type {const} */ ('sequential');
  const graphOptimizationLevel = /** @type {const} */ ('all');
  // As the server opens it, but for threads on the CPU, where all cores serve one session here.
  const options = { executionProviders: [provider], executionMode, graphOptimizationLevel };
  return InferenceSession.create(file, { ...options, logSeverityLevel: 3 });
}

/** The photographs of the assets as the network sees them. @param {Network['manifest']} manifest */
async function picturesFor(manifest) {
  const folder = join(values.assets, 'images');
  const geometry = geometryOf(manifest);
  const normalise = createNormalise(manifest.preprocess, manifest.input.layout, 'float32');
  const rows = [];
  for (const name of readdirSync(folder).filter((file) => /^(?!digit).*\.jpe?g$/.test(file))) {
    const picture = await decode(readFileSync(join(folder, name)), true, { maxPixels: 1e9 });
    const pixels = renderViews(picture, geometry, cropViews(picture, geometry, 1));
    const row = new Float32Array(pixels.length);
    normalise(pixels, row);
    rows.push(row);
  }
  return rows;
}

/** @param {Network['manifest']} manifest @param {readonly Float32Array[]} rows */
function tensorOf(manifest, rows) {
  const all = new Float32Array(rows.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const row of rows) {
    all.set(row, at);
    at += row.length;
  }
  return new Tensor('float32', all, inputShape(manifest, rows.length));
}

/** Probabilities of the classes, for each row. @param {InferenceSession} session @param {Network['manifest']} manifest @param {readonly Float32Array[]} rows */
async function probabilities(session, manifest, rows) {
  const outputs = await session.run({ [manifest.input.name]: tensorOf(manifest, rows) });
  const output = outputs[manifest.output.name] ?? Object.values(outputs)[0];
  const scores = /** @type {Float32Array} */ (output?.data);
  const classes = scores.length / rows.length;
  return rows.map((_, row) => {
    const own = scores.slice(row * classes, (row + 1) * classes);
    return [...(manifest.output.kind === 'logits' ? softmax(own) : own)];
  });
}

/** @param {InferenceSession} session @param {string} name @param {Tensor} input @param {number} batch */
async function picturesPerSecond(session, name, input, batch) {
  const began = performance.now();
  const until = began + Number(values.seconds) * 1000;
  let runs = 0;
  do {
    await session.run({ [name]: input });
    runs++;
  } while (performance.now() < until);
  return (runs * batch * 1000) / (performance.now() - began);
}

/** @param {readonly number[]} a @param {readonly number[]} b */
const difference = (a, b) => Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? Number.NaN))));
/** @param {readonly number[]} scores */
const best = (scores) => scores.indexOf(Math.max(...scores));
/** @param {number} value */
const rounded = (value) => Number(value.toPrecision(4));

await inTemporaryFolder(async (temporary) => {
  const { networks } = await openNetworks(values.networks.split(','), values.assets, temporary);
  for (const network of networks) await measure(network);
});
