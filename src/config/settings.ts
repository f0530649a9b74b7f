import { MIB } from '../core/units.js';

// Every setting there is. `menagerie serve --help`, docs/configuration.md and the checks come from this table.

interface Common {
  /** The environment variable. */
  env: string;
  /** One or two sentences for help and documentation. */
  about: string;
}

/** A number with its bounds. */
interface NumberSetting extends Common {
  type: 'integer';
  minimum: number;
  maximum: number;
  /** What the number counts: ms, bytes, pixels ... */
  unit?: string;
  /** Text for the documentation where the default depends on the machine. */
  defaultText?: string;
  default: number | undefined;
}
interface TextSetting extends Common {
  type: 'text';
  pattern?: RegExp;
  /** What `pattern` means, for messages: "must be ...". */
  rule?: string;
  /** Never printed. */
  secret?: true;
  default: string | undefined;
}
interface ChoiceSetting extends Common {
  type: 'choice';
  choices: readonly string[];
  default: string;
}
interface ListSetting extends Common {
  type: 'list';
  /** What stands between entries; `path` is the platform's separator of PATH. */
  separator: ',' | 'path';
  default: readonly string[] | undefined;
  defaultText?: string;
}
export type Setting = NumberSetting | TextSetting | ChoiceSetting | ListSetting;

export const SETTINGS = {
  host: {
    env: 'HOST',
    type: 'text',
    default: '127.0.0.1',
    pattern: /^[0-9A-Za-z.:-]+$/,
    rule: 'a host name or address',
    about: 'Address to listen on. The default is reachable from this machine only; 0.0.0.0 is all interfaces.',
  },
  port: {
    env: 'PORT',
    type: 'integer',
    minimum: 0,
    maximum: 65535,
    default: 8080,
    about: 'Port to listen on; 0 takes a free one.',
  },
  modelDirs: {
    env: 'MODEL_DIRS',
    type: 'list',
    separator: 'path',
    default: [],
    about:
      'Further directories of models, one folder each with a manifest.json, beside those that come with the server.',
  },
  modelMirror: {
    env: 'MODEL_MIRROR',
    type: 'text',
    default: undefined,
    pattern: /^(https?|file):\/?\/?./,
    rule: 'an http:, https: or file: address',
    about: 'Where `menagerie pull` looks first: a base address, or a folder as file:/path.',
  },
  device: {
    env: 'DEVICE',
    type: 'choice',
    choices: ['auto', 'cpu', 'cuda', 'cuda-required'],
    default: 'auto',
    about:
      'What computes. auto: CUDA where it is installed and works, else the CPU. cuda: the same, for machines that should have it: ' +
      'its absence is reported too. cuda-required: nothing else will do. What runs on the CPU against the wish is said at start, in ' +
      'GET /models, in a gauge and in every reply.',
  },
  models: {
    env: 'MENAGERIE_MODELS',
    type: 'list',
    separator: ',',
    default: undefined,
    defaultText: 'every model whose weights are on disk',
    about:
      'Models to load at start, by id, or id:variant for other weights than the default ones (resnet50:int8); the id of an ensemble means its members.',
  },
  defaultModel: {
    env: 'MENAGERIE_DEFAULT_MODEL',
    type: 'text',
    default: undefined,
    about:
      'The model or ensemble for requests that name none. Without it: of those that serve, the best for photographs; the reply says why.',
  },
  adminKey: {
    env: 'MENAGERIE_ADMIN_KEY',
    type: 'text',
    secret: true,
    default: undefined,
    pattern: /^\S{16,}$/,
    rule: 'at least 16 characters without spaces',
    about: 'Bearer token for loading and unloading models over HTTP. Without it both are off.',
  },
  workers: {
    env: 'MENAGERIE_WORKERS',
    type: 'integer',
    minimum: 1,
    maximum: 256,
    default: undefined,
    defaultText: 'what menagerie tune found, else number of cores / threads per worker',
    about: 'Worker processes that run networks.',
  },
  threads: {
    env: 'MENAGERIE_THREADS',
    type: 'integer',
    minimum: 1,
    maximum: 64,
    default: undefined,
    defaultText: 'what menagerie tune found, else 1',
    about:
      'Threads that compute one picture. More than one lowers the latency of a lone request and the throughput of many.',
  },
  instances: {
    env: 'MENAGERIE_INSTANCES',
    type: 'integer',
    minimum: 1,
    maximum: 256,
    default: undefined,
    defaultText: 'one per worker, as far as memory goes',
    about: 'Copies of each model, each in a worker of its own. Every copy holds its own weights in memory.',
  },
  queue: {
    env: 'MENAGERIE_QUEUE',
    type: 'integer',
    minimum: 1,
    maximum: 1_000_000_000,
    unit: 'GMAC',
    default: 1000,
    about:
      'Cost of the work that may wait or be done (billion multiply-accumulates: pictures x views x networks, and half a GMAC for ' +
      'reading a picture); more is refused at once with 503.',
  },
  maxCost: {
    env: 'MENAGERIE_MAX_COST',
    type: 'integer',
    minimum: 1,
    maximum: 1_000_000_000,
    unit: 'GMAC',
    default: 1000,
    about: 'Cost of one request; a more expensive one is refused at once with its cost.',
  },
  batch: {
    env: 'MENAGERIE_BATCH',
    type: 'integer',
    minimum: 1,
    maximum: 256,
    unit: 'pictures',
    default: undefined,
    defaultText: 'what menagerie tune found, else measured for each model when it loads',
    about: 'Pictures or views that a network is run on at once, where its file takes more than one.',
  },
  batchDelayMs: {
    env: 'MENAGERIE_BATCH_DELAY_MS',
    type: 'integer',
    minimum: 0,
    maximum: 10_000,
    unit: 'ms',
    default: 0,
    about:
      'How long an idle worker waits for a batch to fill. 0: it runs what there is, and batches form while all are busy.',
  },
  cache: {
    env: 'MENAGERIE_CACHE',
    type: 'integer',
    minimum: 0,
    maximum: 1024 * 1024 * MIB,
    unit: 'bytes',
    default: 0,
    about: 'Memory for answers to be given again to the same question about the same picture. 0: none are kept.',
  },
  maxBytes: {
    env: 'MENAGERIE_MAX_BYTES',
    type: 'integer',
    minimum: 1024,
    maximum: 1024 * MIB,
    unit: 'bytes',
    default: 20 * MIB,
    about: 'Largest picture file.',
  },
  maxPixels: {
    env: 'MENAGERIE_MAX_PIXELS',
    type: 'integer',
    minimum: 1024,
    maximum: 1_000_000_000,
    unit: 'pixels',
    default: 50_000_000,
    about: 'Largest width times height. A decoded picture takes three bytes a pixel.',
  },
  maxImages: {
    env: 'MENAGERIE_MAX_IMAGES',
    type: 'integer',
    minimum: 1,
    maximum: 1000,
    unit: 'pictures',
    default: 16,
    about: 'Pictures in one request.',
  },
  uploadMemory: {
    env: 'MENAGERIE_UPLOAD_MEMORY',
    type: 'integer',
    minimum: MIB,
    maximum: 1024 * 1024 * MIB,
    unit: 'bytes',
    default: 512 * MIB,
    about:
      'Memory for all uploads together, half of it for those of one address; beyond it requests are refused with 503.',
  },
  uploadTimeoutMs: {
    env: 'MENAGERIE_UPLOAD_TIMEOUT_MS',
    type: 'integer',
    minimum: 100,
    maximum: 3_600_000,
    unit: 'ms',
    default: 30_000,
    about: 'Time for a body to arrive; less where it brings below 1 KiB a second over a sixth of it.',
  },
  deadlineMs: {
    env: 'MENAGERIE_DEADLINE_MS',
    type: 'integer',
    minimum: 10,
    maximum: 3_600_000,
    unit: 'ms',
    default: 30_000,
    about: 'Time from the end of an upload to its answer. A request may ask for less with ?timeout_ms=.',
  },
  workerTimeoutMs: {
    env: 'MENAGERIE_WORKER_TIMEOUT_MS',
    type: 'integer',
    minimum: 100,
    maximum: 3_600_000,
    unit: 'ms',
    default: 60_000,
    about: 'A worker that works longer on one run counts as hung and is replaced.',
  },
  loadTimeoutMs: {
    env: 'MENAGERIE_LOAD_TIMEOUT_MS',
    type: 'integer',
    minimum: 1000,
    maximum: 3_600_000,
    unit: 'ms',
    default: 300_000,
    about: 'The same for loading a model.',
  },
  drainDelayMs: {
    env: 'MENAGERIE_DRAIN_DELAY_MS',
    type: 'integer',
    minimum: 0,
    maximum: 600_000,
    unit: 'ms',
    default: 0,
    about:
      'After SIGTERM: how long to serve on while /readyz already says no. Behind a load balancer, a little more than it takes to notice.',
  },
  drainTimeoutMs: {
    env: 'MENAGERIE_DRAIN_TIMEOUT_MS',
    type: 'integer',
    minimum: 0,
    maximum: 600_000,
    unit: 'ms',
    default: 30_000,
    about: 'After that: how long to wait for what was accepted.',
  },
  untrained: {
    env: 'MENAGERIE_UNTRAINED',
    type: 'choice',
    choices: ['refuse', 'allow'],
    default: 'refuse',
    about: 'Whether /classify answers with untrained architectures, whose answers mean nothing. For load tests.',
  },
  logLevel: {
    env: 'MENAGERIE_LOG_LEVEL',
    type: 'choice',
    choices: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    default: 'info',
    about: 'Least important level that is logged.',
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;
