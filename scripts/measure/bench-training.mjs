#!/usr/bin/env node
// Measures what requests have to bear from a training beside them.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import Type from 'typebox';
import { measureLoad, warmUp } from '../bench/load.mjs';
import { readCommandLine } from '../shared/command-line.mjs';
import { jsonOf } from '../shared/json-reply.mjs';
import { inTemporaryFolder } from '../shared/temporary-folder.mjs';
import { keepFigures, MACHINE } from './measuring.mjs';
import { startServer } from './server-process.mjs';
import { percentile } from './statistics.mjs';

const HELP = `Usage: node scripts/measure/bench-training.mjs [--model <id>] [--rounds <n>] [--seconds <n>] [--workers <n>] [--write]

Starts the server, finds how many pictures it answers in a second, and asks for half as many: alone, beside a training whose
features are computed, and beside one whose features are in the cache, turn and turn about. Prints the percentiles and their ratios,
and how far the trainings came.

  --model <id>    what serves, and what the trainings begin with (default efficientnet-lite0)
  --rounds <n>    measurements of each (default 5)
  --seconds <n>   of each measurement (default 8)
  --workers <n>   worker processes (default 2)
  --write         keep the figures in docs/measured/training-load.json
  --help          this text
`;

const { values: options } = readCommandLine(HELP, {
  model: { type: 'string', default: 'efficientnet-lite0' },
  rounds: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '8' },
  workers: { type: 'string', default: '2' },
  write: { type: 'boolean', default: false },
});
const KEY = 'the-key-of-the-measurement';
const ADMIN = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
const TRAINING = Type.Object({
  progress: Type.Union([Type.Null(), Type.Object({ step: Type.String(), done: Type.Number() })]),
});
/** More than are computed while it is measured. */
const [FRESH, CACHED] = [1500, 400];
const seconds = Number(options.seconds);
const photograph = readFileSync(fileURLToPath(new URL('../../samples/coffee.jpg', import.meta.url)));
const picture = await sharp(photograph).resize(500, 375).jpeg().toBuffer();
const request = { body: picture, headers: { 'content-type': 'image/jpeg' } };

/** Pictures that differ in brightness and in the part of a photograph that they show. */
const drawn = await Promise.all(
  Array.from({ length: 60 }, (_, i) => {
    const part = { left: i % 2 ? 200 : i % 40, top: i, width: 280, height: 280 };
    return sharp(picture)
      .extract(part)
      .modulate({ brightness: 0.7 + i / 100 })
      .jpeg()
      .toBuffer();
  }),
);

/** Writes pictures of two classes. What follows a JPEG's end is not looked at, but makes its bytes new. @param {string} folder @param {number} count */
function writeSet(folder, count) {
  for (const name of ['left', 'right']) mkdirSync(join(folder, name), { recursive: true });
  for (let i = 0; i < count; i++) {
    const file = Buffer.concat([drawn[i % drawn.length] ?? picture, Buffer.from(`${folder} ${i}`)]);
    writeFileSync(join(folder, i % 2 ? 'right' : 'left', `${i}.jpg`), file);
  }
}

/** Starts a training. @param {string} address @param {string} data @returns its id */
async function startTraining(address, data) {
  const body = JSON.stringify({ data, id: 'beside' });
  const reply = await fetch(`${address}/models/${options.model}/transfers`, { method: 'POST', headers: ADMIN, body });
  if (reply.status !== 202) throw new Error(await reply.text());
  return (await jsonOf(reply, Type.Object({ id: Type.String() }))).id;
}

/** Waits until a training is over. @param {string} address @param {string} id */
async function over(address, id) {
  const events = await fetch(`${address}/transfers/${id}`, { headers: { accept: 'text/event-stream' } });
  await events.text();
}

/**
 * Trains again and again until it is told to end, and says then how many pictures and trainings that were.
 * @param {string} address @param {string} data
 */
function keepTraining(address, data) {
  let going = true;
  let id = '';
  let trainings = 0;
  const all = (async () => {
    while (going) {
      id = await startTraining(address, data);
      await over(address, id);
      trainings++;
    }
  })();
  all.catch(() => {});
  return async () => {
    going = false;
    const { progress } = await jsonOf(await fetch(`${address}/transfers/${id}`), TRAINING);
    await fetch(`${address}/transfers/${id}`, { method: 'DELETE', headers: { authorization: `Bearer ${KEY}` } });
    await all;
    return { trainings: trainings - 1, pictures: progress?.step === 'features' ? progress.done : 0 };
  };
}

/** How far trainings came. @param {{ trainings?: number, pictures?: number }[]} rounds */
function cameOf(rounds) {
  if (rounds[0]?.trainings === undefined) return '';
  const list = (/** @type {'trainings' | 'pictures'} */ what) => rounds.map((one) => one[what] ?? 0).join(' ');
  return `; trainings ended ${list('trainings')}, pictures of the last ${list('pictures')}`;
}

const rows = await inTemporaryFolder(async (data) => {
  writeSet(join(data, 'cached'), CACHED);
  const server = await startServer({
    MENAGERIE_DATA_DIR: data,
    MENAGERIE_ADMIN_KEY: KEY,
    MENAGERIE_MODELS: options.model,
    MENAGERIE_WORKERS: options.workers,
    MENAGERIE_CACHE: '0',
  });
  const { address, pid } = server;
  const path = `/classify?model=${options.model}&`;
  const service = { address, pid, path };
  try {
    await over(address, await startTraining(address, 'cached'));
    await warmUp(service, request, 3);
    const { images_per_s: most } = await measureLoad(service, request, { connections: 16 }, seconds);
    const rate = Math.max(1, Math.round((most ?? 0) / 2));
    process.stdout.write(`${most?.toFixed(0)} pictures a second at most; ${rate} are asked for\n`);
    /** @type {Record<string, { p50: number, p99: number, trainings?: number, pictures?: number }[]>} */
    const found = { alone: [], features: [], cached: [] };
    for (let round = 0; round < Number(options.rounds); round++) {
      for (const kind of ['alone', 'features', 'cached']) {
        if (kind === 'features') writeSet(join(data, `fresh-${round}`), FRESH);
        const folder = kind === 'features' ? `fresh-${round}` : 'cached';
        const stop = kind === 'alone' ? undefined : keepTraining(address, folder);
        const { p50_ms, p99_ms, failed } = await measureLoad(service, request, { rate }, seconds);
        const came = await stop?.();
        if (failed) process.stdout.write(`${failed} failed\n`);
        found[kind]?.push({ p50: p50_ms ?? Number.NaN, p99: p99_ms ?? Number.NaN, ...came });
      }
    }
    const median = (/** @type {string} */ kind, /** @type {'p50' | 'p99'} */ which) =>
      percentile(
        (found[kind] ?? []).map((one) => one[which]),
        0.5,
      );
    return Object.keys(found).map((kind) => {
      const [p50, p99] = [median(kind, 'p50'), median(kind, 'p99')];
      const row = { kind, p50, p99, ratio50: p50 / median('alone', 'p50'), ratio99: p99 / median('alone', 'p99') };
      process.stdout.write(
        `${kind.padEnd(9)} p50 ${p50.toFixed(0)} ms (${row.ratio50.toFixed(2)}), p99 ${p99.toFixed(0)} ms (${row.ratio99.toFixed(2)})` +
          `  each: ${(found[kind] ?? []).map((one) => one.p99.toFixed(0)).join(' ')}${cameOf(found[kind] ?? [])}\n`,
      );
      return row;
    });
  } finally {
    server.kill();
  }
});
if (options.write) keepFigures('training-load', { machine: MACHINE, load_average: loadavg()[0], ...options, rows });
