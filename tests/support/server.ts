import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { onTestFinished } from 'vitest';
import { viewsOf } from '../../src/core/test-time.js';
import { type App, createApp } from '../../src/http/app.js';
import { ByteBudget } from '../../src/http/byte-budget.js';
import { decode } from '../../src/imaging/decode.js';
import { createLogger } from '../../src/observability/logger.js';
import { Metrics } from '../../src/observability/metrics.js';
import type { LaneEvents } from '../../src/runtime/jobs.js';
import { LanePool } from '../../src/runtime/lane-pool.js';
import { Admission } from '../../src/serving/admission.js';
import { Answerer, type ReadPictures } from '../../src/serving/answerer.js';
import { Classifier } from '../../src/serving/classifier.js';
import { READING_GMACS } from '../../src/serving/cost.js';
import { ModelRegistry } from '../../src/serving/model-registry.js';
import { SharedAnswers } from '../../src/serving/shared-answers.js';
import { Summaries } from '../../src/serving/summaries.js';
import { Targets } from '../../src/serving/target.js';
import { openRepository } from '../../src/zoo/repository.js';
import { type LoadScript, readLines, SCRIPTED_LANE, Weights } from './lane-script.js';
import { manifestOf, PREPROCESS, temporaryFolder, writeTree } from './model-folders.js';

export const ADMIN_KEY = 'the-key-of-the-tests';

const SILENT_LANES: LaneEvents = { laneBusy() {}, executed() {}, laneReplaced() {}, networkLost() {} };
/** A scripted network's scores are probabilities. */
const SCRIPTED = { output: { name: 'y', kind: 'probabilities' } };
/** What makes several crops of a scripted model's pictures possible: of those of 8 x 8, all of them differ. */
export const CROPPED = {
  preprocess: { ...PREPROCESS, resize: { mode: 'shorter_side', size: 12, filter: 'bilinear' } },
};
/** Price of one view by a scripted network: together with reading it, a picture costs 1. */
const SCRIPTED_GMACS = 1 - READING_GMACS;

/** Starts lanes that end with the test. */
export function startPool(
  options: {
    lanes?: number;
    script?: URL;
    runTimeoutMs?: number;
    loadTimeoutMs?: number;
    batchDelayMs?: number;
    events?: Partial<LaneEvents>;
  } = {},
): LanePool {
  const { lanes = 1, script = SCRIPTED_LANE, runTimeoutMs = 20_000, loadTimeoutMs = 20_000, events } = options;
  const pool = new LanePool({
    lanes,
    script,
    device: 'cpu',
    threads: 1,
    batch: undefined,
    batchDelayMs: options.batchDelayMs ?? 0,
    runTimeoutMs,
    loadTimeoutMs,
    events: { ...SILENT_LANES, ...events },
  });
  onTestFinished(() => pool.stop());
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
  lanes?: number;
  instances?: number;
  /** Pictures of one view and one network that may wait or be worked on. */
  queue?: number;
  /** Price of one request, in such pictures. */
  maxPrice?: number;
  /** Bytes for answers to be kept. */
  cache?: number;
  batchDelayMs?: number;
  laneTimeoutMs?: number;
  loadTimeoutMs?: number;
  maxBytes?: number;
  maxPixels?: number;
  maxImages?: number;
  uploadMemory?: number;
  uploadTimeoutMs?: number;
  deadlineMs?: number;
  adminKey?: string | undefined;
  defaultModel?: string;
  /** Every picture waits for it before it is decoded. */
  beforeReading?: () => Promise<void>;
}

/** The whole service over scripted lanes, listening on a free port; it ends with the test. */
export async function startServer(options: ServerOptions = {}) {
  const { models = { m: {} }, lanes = 1, maxPixels = 1_000_000 } = options;
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
  const counts = { reads: 0 };
  /** A picture is its own rendering, as scripted lanes read from it what to do. */
  const read: ReadPictures = async ({ bytes, autoOrient, looks }) => {
    counts.reads++;
    await options.beforeReading?.();
    const picture = await decode(bytes, autoOrient, { maxPixels });
    const { width, height, format, data } = picture;
    const rendered = looks.map(({ geometry, options: look }) => {
      const views = viewsOf(picture, geometry, look);
      return {
        views,
        pixels: Uint8Array.from({ length: views.length * data.length }, (_, i) => data[i % data.length] as number),
      };
    });
    return { width, height, format, looks: rendered, decodeMs: 1, preprocessMs: 1 };
  };
  const budget = new ByteBudget(options.uploadMemory ?? 64 * 1024 * 1024);
  const metrics: Metrics = new Metrics({
    pending: () => admission.pending,
    pendingGmacs: () => admission.pendingGmacs,
    queueLimitGmacs: () => options.queue ?? 128,
    cacheBytes: () => answers.bytes,
    waiting: () => pool.waiting,
    lanes: () => pool.lanes,
    uploadBytes: () => budget.used,
    logLinesDropped: () => 0,
  });
  const pool: LanePool = startPool({
    lanes,
    runTimeoutMs: options.laneTimeoutMs ?? 20_000,
    loadTimeoutMs: options.loadTimeoutMs ?? 20_000,
    batchDelayMs: options.batchDelayMs ?? 0,
    events: {
      ...metrics.lanes,
      executed: (key, rows, ms) => registry.executed(key, rows, ms),
      networkLost: (key, reason, remaining) => {
        if (remaining === 0) registry.networkLost(key, reason);
      },
    },
  });
  const repository = await openRepository([folder]);
  const registry: ModelRegistry = new ModelRegistry({
    repository,
    pool,
    allowUntrained: false,
    read,
    countMacs: async () => SCRIPTED_GMACS * 1e9,
    instances: options.instances ?? lanes,
    tuned: new Map(),
    events: metrics.serving,
  });
  const admission: Admission = new Admission({
    capacity: options.queue ?? 128,
    limit: options.maxPrice ?? 1000,
    lanes,
  });
  const answers = new SharedAnswers(options.cache ?? 0);
  const classifier = new Classifier({
    targets: new Targets({ registry, repository, defaultModel: options.defaultModel }),
    answerer: new Answerer({ pool, read, readsAtOnce: 2 * lanes }),
    answers,
    admission,
    lanes,
    events: metrics.serving,
  });
  const app: App = await createApp({
    classifier,
    registry,
    summaries: new Summaries({
      repository,
      inspector: { inspect: () => Promise.reject(new Error('no summaries here')) },
    }),
    budget,
    events: metrics.http,
    metrics: async () => ({ contentType: metrics.registry.contentType, body: await metrics.registry.metrics() }),
    log: createLogger('debug', sink),
    version: '0.0.0',
    maxBytes: options.maxBytes ?? 1024 * 1024,
    maxImages: options.maxImages ?? 8,
    uploadTimeoutMs: options.uploadTimeoutMs ?? 20_000,
    deadlineMs: options.deadlineMs ?? 20_000,
    adminKey: 'adminKey' in options ? options.adminKey : ADMIN_KEY,
  });
  onTestFinished(async () => {
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
    counts,
    folder,
    logged,
    /** The arguments of the pictures that any network began, once for every view, in order. */
    begun: () => readLines(journal).map(Number),
  };
}

export type TestServer = Awaited<ReturnType<typeof startServer>>;
