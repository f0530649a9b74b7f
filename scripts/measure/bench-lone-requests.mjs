#!/usr/bin/env node
// Measures what the instances for lone requests give, and what they cost under load.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import sharp from 'sharp';
import Type from 'typebox';
import { table } from '../../dist/report/format.js';
import { measureLoad, warmUp } from '../bench/load.mjs';
import { readCommandLine } from '../shared/command-line.mjs';
import { jsonOf } from '../shared/json-reply.mjs';
import { inTemporaryFolder } from '../shared/temporary-folder.mjs';
import { ASSET_MODELS, ASSETS, writeAssetModels } from './asset-models.mjs';
import { startServer } from './server-process.mjs';
import { percentile } from './statistics.mjs';

const HELP = `Usage: node scripts/measure/bench-lone-requests.mjs [--model <id>] [--threads <n>] [--rounds <n>] [--seconds <n>]

Starts two servers, one of them with MENAGERIE_LONE_THREADS=1, and asks them in turn at 1, 2, 8 and 32 connections. Then runs the
bare network with one thread and with more. Prints medians, medians of the ratios of measurements that follow each other, and the
share of runs that were on the instance for lone requests. The networks are those of ASSETS_DIR.

  --model <id>    id or id:variant (default ${ASSET_MODELS.resnet50})
  --threads <n>   MENAGERIE_LONE_THREADS of the other server (default 2)
  --rounds <n>    measurements of each (default 5)
  --seconds <n>   of each measurement (default 3)
  --help          this text
`;

const { values: options } = readCommandLine(HELP, {
  model: { type: 'string', default: ASSET_MODELS.resnet50 },
  threads: { type: 'string', default: '2' },
  rounds: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '3' },
});
const [id = '', variant = 'fp32'] = options.model.split(':');
const [rounds, seconds] = [Number(options.rounds), Number(options.seconds)];
const LEVELS = [1, 2, 8, 32];
const BARE_RUNS = 40;
const photograph = readFileSync(fileURLToPath(new URL('../../samples/coffee.jpg', import.meta.url)));
const picture = await sharp(photograph).resize(500, 375).jpeg().toBuffer();
const request = { body: picture, headers: { 'content-type': 'image/jpeg' } };
const Serving = Type.Object({ serving: Type.Object({ lone_instance: Type.Unknown() }) });

/** Runs of networks so far, and those on the instance for lone requests. @param {string} address */
async function runsOf(address) {
  const text = await (await fetch(`${address}/metrics`)).text();
  const count = (/** @type {string} */ name) => Number(new RegExp(`^${name}{.*} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  return { all: count('menagerie_executions_total'), lone: count('menagerie_lone_executions_total') };
}

const medianOf = (/** @type {number[]} */ values) => percentile(values, 0.5);

/** @param {string} folder @param {string} threads */
async function start(folder, threads) {
  const server = await startServer({
    MODEL_DIRS: folder,
    MENAGERIE_DATA_DIR: join(folder, `data-${threads}`),
    MENAGERIE_MODELS: options.model,
    MENAGERIE_LONE_THREADS: threads,
  });
  const { address, pid } = server;
  const path = `/classify?model=${id}&`;
  const service = { name: threads, address, pid, path, eventLoopDelayMs: async () => null, stop: async () => {} };
  await warmUp(service, request, 2);
  const { serving } = await jsonOf(await fetch(`${address}/models/${id}`), Serving);
  process.stdout.write(`${threads} threads: ${JSON.stringify(serving.lone_instance)}\n`);
  return { server, service };
}

/** How much faster the bare network is with more threads. @param {string} file */
async function bareGain(file) {
  /** @type {number[][]} */
  const times = [[], []];
  const sessions = await Promise.all(
    [1, Number(options.threads)].map((threads) =>
      InferenceSession.create(file, {
        intraOpNumThreads: threads,
        ...(threads > 1 ? { extra: { session: { intra_op: { allow_spinning: '0' } } } } : {}),
      }),
    ),
  );
  for (let run = 0; run < BARE_RUNS; run++) {
    for (const [i, session] of sessions.entries()) {
      const values = new Float32Array(3 * 224 * 224).fill(0.5);
      const began = performance.now();
      await session.run({ [session.inputNames[0] ?? '']: new Tensor('float32', values, [1, 3, 224, 224]) });
      times[i]?.push(performance.now() - began);
    }
  }
  const [one = Number.NaN, more = Number.NaN] = times.map(medianOf);
  return { one, more, gain: one / more };
}

await inTemporaryFolder(async (folder) => {
  writeAssetModels(ASSETS, folder);
  const off = await start(folder, '1');
  const on = await start(folder, options.threads);
  try {
    const rows = [
      [
        'CONNECTIONS',
        'P50 ms',
        '',
        'FASTER',
        'P99 ms',
        '',
        'IMAGES/S',
        '',
        'RATIO',
        'CPU ms/IMAGE',
        '',
        'RATIO',
        'LONE RUNS',
      ],
    ];
    for (const connections of LEVELS) {
      /** @type {Awaited<ReturnType<typeof measureLoad>>[][]} */
      const pairs = [];
      const before = await runsOf(on.service.address);
      for (let round = 0; round < rounds; round++) {
        const pair = [];
        // Each comes first as often as the other.
        const order = round % 2 ? [on, off] : [off, on];
        for (const { service } of order) pair.push(await measureLoad(service, request, { connections }, seconds));
        pairs.push(round % 2 ? pair.reverse() : pair);
      }
      const after = await runsOf(on.service.address);
      /** @param {'p50_ms' | 'p99_ms' | 'images_per_s' | 'cpu_s_per_image'} name */
      const both = (name) => {
        const values = pairs.map((pair) => pair.map((figures) => figures[name] ?? Number.NaN));
        const [without = [], having = []] = [0, 1].map((i) => values.map((pair) => pair[i] ?? Number.NaN));
        return {
          before: medianOf(without),
          after: medianOf(having),
          ratio: medianOf(without.map((b, i) => (having[i] ?? Number.NaN) / b)),
        };
      };
      const [p50, p99, rate, cpu] = [both('p50_ms'), both('p99_ms'), both('images_per_s'), both('cpu_s_per_image')];
      rows.push([
        String(connections),
        ...[p50.before, p50.after].map((ms) => ms.toFixed(0)),
        (1 / p50.ratio).toFixed(2),
        ...[p99.before, p99.after].map((ms) => ms.toFixed(0)),
        ...[rate.before, rate.after].map((each) => each.toFixed(1)),
        rate.ratio.toFixed(3),
        ...[cpu.before, cpu.after].map((s) => (1000 * s).toFixed(1)),
        cpu.ratio.toFixed(3),
        `${((100 * (after.lone - before.lone)) / (after.all - before.all)).toFixed(1)} %`,
      ]);
    }
    const { one, more, gain } = await bareGain(
      join(ASSETS, 'models', `${id.replace('assets-', '')}${variant === 'fp32' ? '' : `-${variant}`}.onnx`),
    );
    process.stdout.write(`\n${options.model}: off, then on\n${table(rows)}`);
    process.stdout.write(
      `bare network: ${one.toFixed(1)} ms, ${more.toFixed(1)} with ${options.threads} threads: ${gain.toFixed(2)} times as fast\n`,
    );
  } finally {
    off.server.kill();
    on.server.kill();
  }
});
