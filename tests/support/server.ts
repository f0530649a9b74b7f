import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { vi } from 'vitest';
import { type App, createApp } from '../../src/http/app.js';
import { ByteBudget } from '../../src/http/body/memory/byte-budget.js';
import { createLogger } from '../../src/observability/logger.js';
import { Metrics } from '../../src/observability/metrics.js';
import { WorkerPool } from '../../src/runtime/workers/pool.js';
import type { PoolEvents } from '../../src/runtime/workers/pool-options.js';
import { findLevers, type Levers } from '../../src/runtime/workers/process/levers.js';
import type { MemoryPlan } from '../../src/runtime/workers/process/worker-memory.js';
import { Answerer } from '../../src/serving/answering/answerer.js';
import { SharedAnswers } from '../../src/serving/answering/shared-answers.js';
import { Classifier } from '../../src/serving/classifier.js';
import { Admission } from '../../src/serving/cost/admission.js';
import { type CostOfDecoding, READING_GMACS, ReadingSpeed } from '../../src/serving/cost/cost.js';
import { LayerNetworks } from '../../src/serving/layer-networks.js';
import { ModelRegistry } from '../../src/serving/loading/model-registry.js';
import { Summaries } from '../../src/serving/summaries.js';
import { Targets } from '../../src/serving/targets.js';
import { JobQueue } from '../../src/training/jobs/job-queue.js';
import { JobStore } from '../../src/training/jobs/job-store.js';
import { openRepository } from '../../src/zoo/open-repository.js';
import { atTheEnd } from './at-the-end.js';
import { manifestOf, PREPROCESS, temporaryFolder, writeTree } from './model-folders.js';
import { type LoadScript, readLines, SCRIPTED_WORKER, Weights } from './worker-script.js';

export const ADMIN_KEY = 'the-key-of-the-tests';

const SILENT: PoolEvents = {
  workerBusy() {},
  executed() {},
  workerReplaced() {},
  networkLost() {},
  instancesChanged() {},
};
const LEVERS = await findLevers();
/** More than any test takes. */
const MEMORY: MemoryPlan = { decodeBytes: 2 ** 30, share: 2 ** 40, dataLimit: false };
/** A scripted network's scores are probabilities. */
const SCRIPTED = { output: { name: 'y', kind: 'probabilities' } };
/** What makes several crops of a scripted model's pictures possible: of those of 8 x 8, all of them differ. */
export const CROPPED = {
  preprocess: { ...PREPROCESS, resize: { mode: 'shorter_side', size: 12, filter: 'bilinear' } },
};
/** Cost of one view by a scripted network: together with reading it, a picture costs 1. */
const SCRIPTED_GMACS = 1 - READING_GMACS;

/** Starts workers that end with the test, or with the file if they are started outside a test. */
export function startPool(
  options: {
    workers?: number;
    renderers?: number;
    script?: URL;
    levers?: Levers;
    memory?: MemoryPlan;
    env?: NodeJS.ProcessEnv;
    maxPixels?: number;
    runTimeoutMs?: number;
    loadTimeoutMs?: number;
    batchDelayMs?: number;
    batch?: number;
    loneThreads?: number;
    /** Default: a worker has one job in hand at a time. */
    aheadMs?: number;
    events?: Partial<PoolEvents>;
  } = {},
): WorkerPool {
  const { workers = 1, renderers = 0, script = SCRIPTED_WORKER, maxPixels = 1_000_000 } = options;
  const pool = new WorkerPool({
    workers: workers,
    renderers,
    script,
    levers: options.levers ?? LEVERS,
    memory: options.memory ?? MEMORY,
    env: options.env ?? { PATH: process.env.PATH },
    device: 'cpu',
    threads: 1,
    batch: options.batch,
    loneThreads: options.loneThreads ?? 1,
    decode: { maxPixels },
    batchDelayMs: options.batchDelayMs ?? 0,
    aheadMs: options.aheadMs ?? 0,
    runTimeoutMs: options.runTimeoutMs ?? 20_000,
    loadTimeoutMs: options.loadTimeoutMs ?? 20_000,
    events: { ...SILENT, ...options.events },
  });
  atTheEnd(() => pool.stop());
  return pool;
}

export interface ServerOptions {
  /** Scripted models to serve, by id; by default one, `m`. */
  models?: Record<string, LoadScript>;
  /** What the manifests of scripted models say otherwise, by id. */
  manifests?: Record<string, object>;
  /** Further files of the model directory. */
  files?: Record<string, string | Uint8Array | object>;
  /** Ids to load before the server answers; by default all scripted models. */
  load?: string[];
  workers?: number;
  instances?: number;
  loneThreads?: number;
  /** Pictures of one view and one network that may wait or be worked on. */
  queue?: number;
  /** Cost of one request, in such pictures. */
  maxCost?: number;
  /** Bytes for answers to be kept. */
  cache?: number;
  batchDelayMs?: number;
  workerTimeoutMs?: number;
  loadTimeoutMs?: number;
  maxBytes?: number;
  maxPixels?: number;
  maxImages?: number;
  uploadMemory?: number;
  uploadTimeoutMs?: number;
  keepAliveMs?: number;
  deadlineMs?: number;
  adminKey?: string | undefined;
  defaultModel?: string;
  /** Ids that cannot be removed. */
  named?: string[];
  trustedProxies?: string[];
  /** Workers that only render, as beside a GPU. */
  renderers?: number;
  costOfDecoding?: CostOfDecoding;
  /** Further model directories. */
  directories?: string[];
  /** The program of a worker; default: the scripted one. */
  script?: URL;
}

/** The whole service over scripted workers, listening on a free port; it ends as startPool's workers do. */
export async function startServer(options: ServerOptions = {}) {
  const { models = { m: {} }, workers = 1, maxPixels = 1_000_000 } = options;
  const folder = await temporaryFolder();
  const labels = Array.from({ length: 10 }, (_, i) => `label ${i}`).join('\n');
  await writeTree(folder, {
    ...Object.fromEntries(
      Object.keys(models).flatMap((id) => [
        [`${id}/manifest.json`, manifestOf(id, { ...SCRIPTED, ...options.manifests?.[id] })],
        [`${id}/labels.txt`, labels],
      ]),
    ),
    ...options.files,
  });
  const journal = join(folder, 'journal');
  const weights = Object.fromEntries(
    Object.entries(models).map(([id, script]) => [id, new Weights(join(folder, id, `${id}.onnx`), script, journal)]),
  );

  const logged: string[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      logged.push(String(chunk));
      done();
    },
  });
  const budget = new ByteBudget(options.uploadMemory ?? 64 * 1024 * 1024);
  const metrics: Metrics = new Metrics({
    pending: () => admission.pending,
    pendingGmacs: () => admission.pendingGmacs,
    queueLimitGmacs: () => options.queue ?? 128,
    cacheBytes: () => answers.bytes,
    waiting: () => pool.waiting,
    workers: () => pool.workers,
    uploadBytes: () => budget.used,
    logLinesDropped: () => 0,
  });
  const pool: WorkerPool = startPool({
    workers,
    renderers: options.renderers ?? 0,
    loneThreads: options.loneThreads ?? 1,
    script: options.script ?? SCRIPTED_WORKER,
    maxPixels,
    runTimeoutMs: options.workerTimeoutMs ?? 20_000,
    loadTimeoutMs: options.loadTimeoutMs ?? 20_000,
    batchDelayMs: options.batchDelayMs ?? 0,
    events: {
      ...metrics.workers,
      executed: (key, rows, ms, lone) => registry.executed(key, rows, ms, lone),
      networkLost: (key, reason, remaining) => {
        if (remaining === 0) registry.networkLost(key, reason);
      },
      instancesChanged: (key) => registry.instancesChanged(key),
    },
  });
  const toDecode = [vi.spyOn(pool, 'classify'), vi.spyOn(pool, 'render')];
  const data = join(folder, '.data');
  const repository = await openRepository([folder, ...(options.directories ?? [])], data);
  const answerer = new Answerer({ pool, viewBytes: 64 * 1024 * 1024 });
  const registry: ModelRegistry = new ModelRegistry({
    repository,
    named: options.named ?? [],
    pool,
    answerer,
    allowUntrained: false,
    countMacs: async () => SCRIPTED_GMACS * 1e9,
    instances: options.instances ?? workers,
    tuned: new Map(),
    events: metrics.serving,
  });
  const admission: Admission = new Admission({
    capacity: options.queue ?? 128,
    limit: options.maxCost ?? 1000,
    workers: workers,
  });
  const answers = new SharedAnswers(options.cache ?? 0);
  const summaries = new Summaries({
    repository,
    inspector: { inspect: () => Promise.reject(new Error('no summaries here')) },
    activationBytes: 0,
  });
  const layers = new LayerNetworks({ pool, summaries, admission, instances: 1 });
  const classifier = new Classifier({
    targets: new Targets({ registry, repository, layers, defaultModel: options.defaultModel }),
    answerer,
    answers,
    admission,
    costOfDecoding: options.costOfDecoding ?? (() => undefined),
    decodeBytes: () => 2 ** 30,
    speed: new ReadingSpeed(),
    workers: workers,
    events: metrics.serving,
  });
  const store = new JobStore(join(data, 'transfers'));
  const run = () => Promise.reject(new Error('no trainings here'));
  const jobs = await JobQueue.open({ store, run, assertFree: async () => {}, onState() {}, onFault() {} });
  const app: App = await createApp({
    jobs,
    store,
    dataDir: data,
    trainingBytes: 2 ** 30,
    trainingTimeoutMs: 20_000,
    classifier,
    registry,
    summaries,
    budget,
    events: metrics.http,
    metrics: async () => ({ contentType: metrics.registry.contentType, body: await metrics.registry.metrics() }),
    log: createLogger('debug', sink),
    version: '0.0.0',
    maxBytes: options.maxBytes ?? 1024 * 1024,
    maxImages: options.maxImages ?? 8,
    uploadTimeoutMs: options.uploadTimeoutMs ?? 20_000,
    keepAliveMs: options.keepAliveMs ?? 20_000,
    deadlineMs: options.deadlineMs ?? 20_000,
    adminKey: 'adminKey' in options ? options.adminKey : ADMIN_KEY,
    trustedProxies: options.trustedProxies ?? [],
  });
  atTheEnd(async () => {
    app.server.server.closeAllConnections();
    await app.server.close();
  });
  const load = options.load ?? Object.keys(models);
  registry.expect(load);
  for (const id of load) await registry.load(id);
  await app.server.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    app,
    pool,
    registry,
    admission,
    answers,
    budget,
    weights,
    folder,
    /** The directory whose models may be replaced and removed. */
    data,
    logged,
    /** How many pictures workers were asked to decode so far; those that still wait for one count. */
    toDecode: () => toDecode.reduce((sum, { mock }) => sum + mock.calls.length, 0),
    /** The arguments of the pictures that any network began, once for every view, in order. */
    begun: () => readLines(journal).map(Number),
  };
}

export type TestServer = Awaited<ReturnType<typeof startServer>>;
