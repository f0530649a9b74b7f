import { MIB } from '../core/units.js';
import { DATA_SETTINGS } from './data-settings.js';
import { isProxy } from './proxy-entry.js';
import type { Setting } from './setting.js';

// All settings. `menagerie serve --help`, docs/configuration.md and the checks are generated from this table.

export const SETTINGS = {
  host: {
    env: 'HOST',
    type: 'text',
    default: '127.0.0.1',
    pattern: /^([0-9A-Za-z.:-]+|\[[0-9A-Fa-f.:]+\])$/,
    rule: 'a host name or address',
    about: 'Address to listen on. The default accepts local connections only; 0.0.0.0 listens on all interfaces.',
  },
  port: {
    env: 'PORT',
    type: 'integer',
    minimum: 0,
    maximum: 65535,
    default: 8080,
    about: 'Port to listen on; 0 chooses a free one.',
  },
  trustedProxies: {
    env: 'MENAGERIE_TRUSTED_PROXIES',
    type: 'list',
    separator: ',',
    default: [],
    accepts: isProxy,
    rule: 'addresses, networks such as 10.0.0.0/8, loopback, linklocal or uniquelocal, separated by commas',
    about:
      'Proxies whose X-Forwarded-For header names the address of the client, for upload memory and the log: addresses or networks, ' +
      'or loopback, linklocal, uniquelocal (all private addresses). Only name proxies that set the header themselves.',
  },
  modelDirs: {
    env: 'MODEL_DIRS',
    type: 'list',
    separator: 'path',
    default: [],
    about: 'More model directories, besides the built-in one. Each model is a folder with a manifest.json.',
  },
  ...DATA_SETTINGS,
  modelMirror: {
    env: 'MODEL_MIRROR',
    type: 'text',
    default: undefined,
    pattern: /^(https?|file):\/?\/?./,
    rule: 'an http:, https: or file: address',
    about: 'Where `menagerie pull` looks for weights first: a base URL, or a folder as file:/path.',
  },
  device: {
    env: 'DEVICE',
    type: 'choice',
    choices: ['auto', 'cpu', 'cuda', 'cuda-required'],
    default: 'auto',
    about:
      'Which device runs the networks. auto: CUDA if it is installed and works, else the CPU. cuda: the same, but missing CUDA ' +
      'is reported too. cuda-required: the server stops if CUDA cannot be used. Whatever runs on the CPU although CUDA was ' +
      'wanted is reported at start, in GET /models, as a metric and in every reply.',
  },
  models: {
    env: 'MENAGERIE_MODELS',
    type: 'list',
    separator: ',',
    default: undefined,
    defaultText:
      'every trained model whose weights are on disk; of the bundled ones most follow when the server is ready (docs/models.md)',
    about: 'Models to load at start: id, id:variant (resnet50:int8), or the id of an ensemble for its members.',
  },
  defaultModel: {
    env: 'MENAGERIE_DEFAULT_MODEL',
    type: 'text',
    default: undefined,
    about:
      'The model or ensemble for requests that name none. If not set: of the models that serve, the best for photographs (docs/models.md); the reply says why.',
  },
  adminKey: {
    env: 'MENAGERIE_ADMIN_KEY',
    type: 'text',
    secret: true,
    default: undefined,
    pattern: /^\S{16,}$/,
    rule: 'at least 16 characters without spaces',
    about:
      'Bearer token for loading, unloading, training, downloading and changing models over HTTP. If not set, these are disabled.',
  },
  workers: {
    env: 'MENAGERIE_WORKERS',
    type: 'integer',
    minimum: 1,
    maximum: 256,
    default: undefined,
    defaultText: 'as measured by menagerie tune, else the number of cores / threads per worker',
    about: 'Number of worker processes that decode pictures and run networks.',
  },
  threads: {
    env: 'MENAGERIE_THREADS',
    type: 'integer',
    minimum: 1,
    maximum: 64,
    default: undefined,
    defaultText: 'as measured by menagerie tune, else 1',
    about:
      'Threads that compute one picture. More than one lowers the latency of a single request, but also the throughput under load.',
  },
  loneThreads: {
    env: 'MENAGERIE_LONE_THREADS',
    type: 'integer',
    minimum: 1,
    maximum: 64,
    default: undefined,
    defaultText: 'the number of cores, at most 8',
    about:
      'Threads that compute a picture while nothing else waits or runs, in networks over 1 GMAC. Each such model takes the memory ' +
      'of one more instance, where memory allows. 1: none. Not with CUDA.',
  },
  instances: {
    env: 'MENAGERIE_INSTANCES',
    type: 'integer',
    minimum: 1,
    maximum: 256,
    default: undefined,
    defaultText: 'one per worker, as far as memory allows',
    about: 'Instances of each model, each in a different worker with its own copy of the weights in memory.',
  },
  queue: {
    env: 'MENAGERIE_QUEUE',
    type: 'integer',
    minimum: 1,
    maximum: 1_000_000_000,
    unit: 'GMAC',
    default: 1000,
    about:
      'Total cost of all requests that wait or run, in billion multiply-accumulates (pictures x views x networks, plus half a ' +
      'GMAC to decode an ordinary picture). Requests beyond it are refused at once with 503.',
  },
  maxCost: {
    env: 'MENAGERIE_MAX_COST',
    type: 'integer',
    minimum: 1,
    maximum: 1_000_000_000,
    unit: 'GMAC',
    default: 1000,
    about: 'Highest cost of one request. A more expensive one is refused at once with 422 and its cost.',
  },
  batch: {
    env: 'MENAGERIE_BATCH',
    type: 'integer',
    minimum: 1,
    maximum: 256,
    unit: 'pictures',
    default: undefined,
    defaultText: 'as measured by menagerie tune, else measured for each model when it loads',
    about: 'Most pictures or views in one run of a network, if its file accepts more than one.',
  },
  batchDelayMs: {
    env: 'MENAGERIE_BATCH_DELAY_MS',
    type: 'integer',
    minimum: 0,
    maximum: 10_000,
    unit: 'ms',
    default: 0,
    about:
      'How long an idle worker waits for a batch to fill. 0: not at all, so batches form only while all workers are busy.',
  },
  cache: {
    env: 'MENAGERIE_CACHE',
    type: 'integer',
    minimum: 0,
    maximum: 1024 * 1024 * MIB,
    unit: 'bytes',
    default: 0,
    about: 'Memory for a cache of answers, reused for the same picture with the same parameters. 0: no cache.',
  },
  maxBytes: {
    env: 'MENAGERIE_MAX_BYTES',
    type: 'integer',
    minimum: 1024,
    maximum: 1024 * MIB,
    unit: 'bytes',
    default: 20 * MIB,
    about: 'Largest size of a picture file.',
  },
  maxPixels: {
    env: 'MENAGERIE_MAX_PIXELS',
    type: 'integer',
    minimum: 1024,
    maximum: 1_000_000_000,
    unit: 'pixels',
    default: 50_000_000,
    about: 'Largest width x height of a picture. A decoded picture takes three bytes per pixel.',
  },
  maxImages: {
    env: 'MENAGERIE_MAX_IMAGES',
    type: 'integer',
    minimum: 1,
    maximum: 1000,
    unit: 'pictures',
    default: 16,
    about: 'Most pictures in one request.',
  },
  uploadMemory: {
    env: 'MENAGERIE_UPLOAD_MEMORY',
    type: 'integer',
    minimum: MIB,
    maximum: 1024 * 1024 * MIB,
    unit: 'bytes',
    default: 512 * MIB,
    about:
      'Memory for all uploads together, half of it for one address. Requests beyond it are refused with 503. Decoding a body in ' +
      'Brotli takes 16 MiB of it.',
  },
  uploadTimeoutMs: {
    env: 'MENAGERIE_UPLOAD_TIMEOUT_MS',
    type: 'integer',
    minimum: 100,
    maximum: 3_600_000,
    unit: 'ms',
    default: 30_000,
    about:
      'Longest time for a request body to arrive. A body slower than 1 KiB a second over a sixth of this time is refused earlier.',
  },
  keepAliveMs: {
    env: 'MENAGERIE_KEEP_ALIVE_MS',
    type: 'integer',
    minimum: 1000,
    maximum: 3_600_000,
    unit: 'ms',
    default: 72_000,
    about:
      'How long a connection without a request stays open. Must be longer than a proxy before the server keeps its connections.',
  },
  deadlineMs: {
    env: 'MENAGERIE_DEADLINE_MS',
    type: 'integer',
    minimum: 10,
    maximum: 3_600_000,
    unit: 'ms',
    default: 30_000,
    about: 'Longest time from the end of an upload to its answer. A request may ask for less with ?timeout_ms=.',
  },
  workerTimeoutMs: {
    env: 'MENAGERIE_WORKER_TIMEOUT_MS',
    type: 'integer',
    minimum: 100,
    maximum: 3_600_000,
    unit: 'ms',
    default: 60_000,
    about: 'Longest time for one run in a worker. A worker that takes longer is considered hung and replaced.',
  },
  loadTimeoutMs: {
    env: 'MENAGERIE_LOAD_TIMEOUT_MS',
    type: 'integer',
    minimum: 1000,
    maximum: 3_600_000,
    unit: 'ms',
    default: 300_000,
    about: 'Longest time for loading a model in a worker. A worker that takes longer is considered hung and replaced.',
  },
  drainDelayMs: {
    env: 'MENAGERIE_DRAIN_DELAY_MS',
    type: 'integer',
    minimum: 0,
    maximum: 600_000,
    unit: 'ms',
    default: 0,
    about:
      'How long shutdown keeps serving while /readyz answers 503. Set a little more than a load balancer needs to notice.',
  },
  drainTimeoutMs: {
    env: 'MENAGERIE_DRAIN_TIMEOUT_MS',
    type: 'integer',
    minimum: 0,
    maximum: 600_000,
    unit: 'ms',
    default: 30_000,
    about: 'How long shutdown waits for accepted requests, after the drain delay.',
  },
  untrained: {
    env: 'MENAGERIE_UNTRAINED',
    type: 'choice',
    choices: ['refuse', 'allow'],
    default: 'refuse',
    about: 'Whether /classify accepts untrained architectures, whose answers are meaningless. For load tests.',
  },
  logLevel: {
    env: 'MENAGERIE_LOG_LEVEL',
    type: 'choice',
    choices: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    default: 'info',
    about: 'Lowest level that is logged.',
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;
