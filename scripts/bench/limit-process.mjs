// A process of limits.mjs: does one part of the work over and over in as many threads as there are cores, then the next, and
// prints how many pictures a second all threads did together.
import { readFile } from 'node:fs/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { inputShape } from '../../dist/core/manifest/input-shape.js';
import { createNormalise } from '../../dist/core/pixels/normalise.js';
import { release } from '../../dist/core/pixels/release.js';
import { countOf } from '../../dist/core/shape.js';
import { renderViews } from '../../dist/core/views/render.js';
import { cropViews, geometryOf } from '../../dist/core/views/views.js';
import { decode } from '../../dist/imaging/decode.js';
import { bestBatch } from '../../dist/runtime/networks/best-batch.js';
import { percentile } from '../measure/statistics.mjs';

/** @typedef {{ file: string, manifest: import('../../dist/core/manifest/manifest.js').Manifest, picture: string, seconds: number, cores: number }} Job */
/** Does so many pictures. @typedef {{ pictures: number, run(): unknown }} Work */

const LIMITS = { maxPixels: 1e9 };
/** Decoding hands its work to other threads and back; while one picture changes hands, another is decoded. */
const DECODES_AT_ONCE = 2;
/** Share of the time in which code is compiled and nothing counts. */
const LEAD = 1 / 8;

/** @typedef {'decode' | 'preprocess' | 'network'} Part */
/** @type {Record<Part, (job: Job) => Promise<Work>>} */
const PARTS = {
  async decode({ picture }) {
    const bytes = await readFile(picture);
    const decodeOne = async () => release((await decode(bytes, true, LIMITS)).data);
    const run = () => Promise.all(Array.from({ length: DECODES_AT_ONCE }, decodeOne));
    return { pictures: DECODES_AT_ONCE, run };
  },
  async preprocess({ picture, manifest }) {
    const decoded = await decode(await readFile(picture), true, LIMITS);
    const geometry = geometryOf(manifest);
    const normalise = createNormalise(manifest.preprocess, manifest.input.layout, 'float32');
    const run = () => {
      const pixels = renderViews(decoded, geometry, cropViews(decoded, geometry, 1));
      normalise(pixels, new Float32Array(pixels.length));
    };
    return { pictures: 1, run };
  },
  /** With batches where they pay: the server makes them too. */
  async network({ file, manifest }) {
    const session = await openSession(file, 1);
    const runRows = (/** @type {number} */ rows) => runOf(session, manifest, rows);
    const timed = async (/** @type {number} */ rows) => {
      const run = runRows(rows);
      const began = performance.now();
      await run();
      return performance.now() - began;
    };
    const { batch } = await bestBatch(timed, 'cpu', manifest.batch === 'dynamic' ? undefined : 1);
    return { pictures: batch, run: runRows(batch) };
  },
};

/** @param {string} file @param {number} threads */
const openSession = (file, threads) =>
  InferenceSession.create(file, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  });

/** Runs a session on a ready tensor. @param {InferenceSession} session @param {Job['manifest']} manifest @param {number} rows */
function runOf(session, manifest, rows) {
  const shape = inputShape(manifest, rows);
  const tensor = new Tensor('float32', new Float32Array(countOf(shape)).fill(0.5), shape);
  return () => session.run({ [manifest.input.name]: tensor });
}

/** How many times as fast a picture is done by as many threads as there are cores, where nothing else runs. @param {Job} job */
async function measureThreads({ file, manifest, seconds, cores }) {
  const sessions = [await openSession(file, 1), await openSession(file, cores)];
  const runs = sessions.map((session) => {
    /** @type {number[]} */
    const times = [];
    return { run: runOf(session, manifest, 1), times };
  });
  for (const { run } of runs) await repeat(run, seconds * LEAD);
  // Turn and turn about, so that a machine which is slower for a while does not spoil it.
  await repeat(async () => {
    for (const { run, times } of runs) {
      const began = performance.now();
      await run();
      times.push(performance.now() - began);
    }
  }, seconds);
  const [one = Number.NaN, all = Number.NaN] = runs.map(({ times }) => percentile(times, 0.5));
  return one / all;
}

/** Pictures a second of all threads together, CPU seconds of one, and how many a run takes. @param {string} part @param {Job} job */
async function measure(part, job) {
  const workers = Array.from(
    { length: job.cores },
    () => new Worker(new URL(import.meta.url), { workerData: { part, job } }),
  );
  const next = (/** @type {Worker} */ worker) =>
    new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  // All begin together when the last is ready, so that each has the others beside it all the time.
  await Promise.all(workers.map(next));
  const results = workers.map(next);
  const usage = process.cpuUsage();
  for (const worker of workers) worker.postMessage('go');
  /** @type {{ done: number, seconds: number, batch: number }[]} */
  const found = await Promise.all(results);
  const { user, system } = process.cpuUsage(usage);
  return {
    rate: found.reduce((sum, { done, seconds }) => sum + done / seconds, 0),
    cpu: (user + system) / 1e6 / found.reduce((sum, { done }) => sum + done, 0),
    batch: Math.max(...found.map(({ batch }) => batch)),
  };
}

/** How often something was done in so many seconds. @param {() => unknown} run @param {number} seconds */
async function repeat(run, seconds) {
  let runs = 0;
  const until = performance.now() + seconds * 1000;
  do {
    await run();
    runs++;
  } while (performance.now() < until);
  return runs;
}

async function work() {
  /** @type {{ part: Part, job: Job }} */
  const { part, job } = workerData;
  const { pictures, run } = await PARTS[part](job);
  await repeat(run, job.seconds * LEAD);
  parentPort?.once('message', async () => {
    const started = performance.now();
    const runs = await repeat(run, job.seconds * (1 - LEAD));
    const seconds = (performance.now() - started) / 1000;
    parentPort?.postMessage({ done: runs * pictures, seconds, batch: pictures });
  });
  parentPort?.postMessage('ready');
}

if (isMainThread) {
  /** @type {Job} */
  const job = JSON.parse(process.argv[2] ?? '');
  const results = [];
  for (const part of Object.keys(PARTS)) {
    // The network takes longest by far, so fewer runs of it fit into a second.
    const seconds = part === 'network' ? job.seconds : job.seconds / 2;
    results.push([part, await measure(part, { ...job, seconds })]);
  }
  process.stdout.write(JSON.stringify({ ...Object.fromEntries(results), threads: await measureThreads(job) }));
} else await work();
