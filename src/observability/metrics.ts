import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { HttpEvents } from '../http/exchange/events.js';
import type { PoolEvents } from '../runtime/workers/pool-options.js';
import { STAGES, type Timings } from '../serving/answering/timings.js';
import type { ServingEvents } from '../serving/events.js';
import { MODEL_STATES } from '../serving/models/model.js';

/** Seconds, from a LeNet-5 on an idle machine to a deadline. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** Models that are not on disk or refused have no series. */
const SHOWN_STATES = MODEL_STATES.filter((state) => state !== 'not_pulled' && state !== 'refused');

/** Values that are read whenever metrics are collected. */
export interface MetricSources {
  /** Pictures admitted and not yet answered. */
  pending(): number;
  /** Cost of these pictures, in GMAC. */
  pendingGmacs(): number;
  /** Limit of that cost, in GMAC. */
  queueLimitGmacs(): number;
  /** Jobs waiting for a worker. */
  waiting(): number;
  /** Bytes of the cached answers. */
  cacheBytes(): number;
  workers(): { alive: number; busy: number };
  /** Bytes of uploads in memory. */
  uploadBytes(): number;
  /** Log lines that were dropped because they could not be written. */
  logLinesDropped(): number;
}

/**
 * The Prometheus metrics, in their own registry. Labels are route patterns, ids of the repository and stable codes, so that clients
 * cannot create time series.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly #registers = [this.registry];

  readonly #requestDuration = new Histogram({
    name: 'menagerie_http_request_duration_seconds',
    help: 'Time from the first byte of a request to the end of its reply',
    labelNames: ['method', 'route', 'status'],
    buckets: BUCKETS,
    registers: this.#registers,
  });
  readonly #requestsInFlight = this.#gauge('menagerie_http_requests_in_flight', 'Requests being answered');
  readonly #errors = this.#counter('menagerie_errors_total', 'Requests answered with an error, by code', [
    'route',
    'code',
  ]);
  readonly #connectionErrors = this.#counter(
    'menagerie_connection_errors_total',
    'Connections closed because their data was not a complete, valid request, by code',
    ['code'],
  );
  readonly #classifications = this.#counter(
    'menagerie_classify_requests_total',
    'Requests to classify that were admitted',
    ['model'],
  );
  readonly #images = this.#counter('menagerie_images_total', 'Pictures by outcome: ok or an error code', [
    'model',
    'outcome',
  ]);
  readonly #answers = this.#counter(
    'menagerie_answers_total',
    'Answers by source: computed, shared with a request in flight, or cached',
    ['model', 'source'],
  );
  readonly #executions = this.#counter('menagerie_executions_total', 'Runs of a network', ['model', 'variant']);
  readonly #loneExecutions = this.#counter(
    'menagerie_lone_executions_total',
    'Those runs of a network that used its instance for lone requests',
    ['model'],
  );
  readonly #batchSize = new Histogram({
    name: 'menagerie_batch_size',
    help: 'Views in one run of a network',
    labelNames: ['model'],
    buckets: [1, 2, 4, 8, 16, 32, 64],
    registers: this.#registers,
  });
  readonly #stages = new Map<keyof Timings, Histogram>(
    STAGES.map((stage) => [
      stage,
      new Histogram({
        name: `menagerie_${stage}_duration_seconds`,
        help: `Time a picture spent in the stage "${stage}"`,
        labelNames: ['model'],
        buckets: BUCKETS,
        registers: this.#registers,
      }),
    ]),
  );
  readonly #modelState = this.#gauge('menagerie_model_state', '1 for the state a model is in', ['model', 'state']);
  readonly #modelInfo = this.#gauge('menagerie_model_info', 'Always 1; the labels describe the loaded model', [
    'model',
    'variant',
    'provider',
    'version',
  ]);
  readonly #modelLoad = this.#gauge('menagerie_model_load_seconds', 'Time of the last load, until ready', [
    'model',
    'variant',
  ]);
  readonly #fallback = this.#gauge(
    'menagerie_provider_fallback',
    '1 if a model runs on the CPU although CUDA was requested; GET /models/:id says why',
    ['model'],
  );
  readonly #layersOnCpu = this.#gauge(
    'menagerie_layers_on_cpu',
    'Layers of a model that the CPU runs although its provider is another',
    ['model'],
  );
  readonly #workerBusy = this.#counter('menagerie_worker_busy_seconds_total', 'Time that a worker has worked', [
    'worker',
  ]);
  readonly #instancesLost = this.#counter(
    'menagerie_instances_lost_total',
    'Instances of a model that could not be loaded again after their worker was replaced',
    [],
  );
  readonly #workerReplaced = this.#counter(
    'menagerie_worker_replacements_total',
    'Workers that died or hung and were replaced',
    ['worker'],
  );

  constructor(sources: MetricSources) {
    collectDefaultMetrics({ register: this.registry });
    this.#sampled('menagerie_images_pending', 'Pictures admitted and not yet answered', sources.pending);
    this.#sampled(
      'menagerie_pending_gmacs',
      'Cost of the pictures admitted and not yet answered',
      sources.pendingGmacs,
    );
    this.#sampled(
      'menagerie_queue_limit_gmacs',
      'Limit of that cost; requests beyond it are refused',
      sources.queueLimitGmacs,
    );
    this.#sampled('menagerie_queue_length', 'Jobs waiting for a worker', sources.waiting);
    this.#sampled('menagerie_cache_bytes', 'Bytes of the cached answers', sources.cacheBytes);
    this.#sampled('menagerie_workers_alive', 'Workers that are running', () => sources.workers().alive);
    this.#sampled('menagerie_workers_busy', 'Workers that are working now', () => sources.workers().busy);
    this.#sampled('menagerie_upload_bytes', 'Bytes of uploads in memory', sources.uploadBytes);
    new Counter({
      name: 'menagerie_log_lines_dropped_total',
      help: 'Log lines dropped because standard output did not accept them',
      registers: this.#registers,
      collect() {
        this.reset();
        this.inc(sources.logLinesDropped());
      },
    });
  }

  /** Listeners for the serving room. */
  readonly serving: ServingEvents = {
    classifyStarted: (model) => this.#classifications.inc({ model }),
    imageClassified: (model, source, timings) => {
      this.#images.inc({ model, outcome: 'ok' });
      this.#answers.inc({ model, source });
      if (!timings) return;
      for (const [stage, histogram] of this.#stages) histogram.observe({ model }, timings[stage] / 1000);
    },
    imageFailed: (model, outcome) => this.#images.inc({ model, outcome }),
    executed: (model, variant, size, lone) => {
      this.#executions.inc({ model, variant });
      if (lone) this.#loneExecutions.inc({ model });
      this.#batchSize.observe({ model }, size);
    },
    modelStateChanged: (model, now) => {
      for (const state of SHOWN_STATES) this.#modelState.set({ model, state }, state === now ? 1 : 0);
      if (now !== 'ready' && now !== 'loading' && now !== 'warming') this.#forgetInfo(model);
    },
    modelRemoved: (model) => {
      for (const state of SHOWN_STATES) this.#modelState.remove({ model, state });
      this.#forgetInfo(model);
    },
    loneInstance() {},
    modelLoaded: ({ id: model, variant, version, info }, ms) => {
      const { provider, fallback, layersOnCpu } = info;
      this.#forgetInfo(model);
      this.#served.set(model, { model, variant, provider, version });
      this.#modelInfo.set({ model, variant, provider, version }, 1);
      this.#modelLoad.set({ model, variant }, ms / 1000);
      this.#fallback.set({ model }, fallback === undefined ? 0 : 1);
      this.#layersOnCpu.set({ model }, layersOnCpu.length);
    },
  };

  /** Listeners for the workers. */
  readonly workers: Omit<PoolEvents, 'executed' | 'instancesChanged'> = {
    workerBusy: (worker, ms) => this.#workerBusy.inc({ worker }, ms / 1000),
    workerReplaced: (worker) => this.#workerReplaced.inc({ worker }),
    networkLost: () => this.#instancesLost.inc(),
  };

  /** Listeners for the HTTP room. */
  readonly http: HttpEvents = {
    requestStarted: () => this.#requestsInFlight.inc(),
    requestFinished: (method, route, status, seconds) => {
      this.#requestsInFlight.dec();
      this.#requestDuration.observe({ method, route, status }, seconds);
    },
    requestFailed: (route, code) => this.#errors.inc({ route, code }),
    connectionFailed: (code) => this.#connectionErrors.inc({ code }),
  };

  readonly #served = new Map<string, Record<'model' | 'variant' | 'provider' | 'version', string>>();

  #forgetInfo(model: string): void {
    const labels = this.#served.get(model);
    if (labels) {
      const { model: id, variant } = labels;
      this.#modelInfo.remove(labels);
      this.#modelLoad.remove({ model: id, variant });
    }
    for (const gauge of [this.#fallback, this.#layersOnCpu]) gauge.remove({ model });
    this.#served.delete(model);
  }

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name, help, labelNames, registers: this.#registers });
  }

  #gauge(name: string, help: string, labelNames: string[] = []): Gauge {
    return new Gauge({ name, help, labelNames, registers: this.#registers });
  }

  #sampled(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: this.#registers,
      collect() {
        this.set(read());
      },
    });
  }
}
