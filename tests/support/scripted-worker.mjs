// A worker that computes nothing and does as it is told (see worker-script.ts). What it is to do with a picture stands in the
// picture's first pixel, what it is to do at loading in the "weights", a JSON file. What it did it writes beside them,
// and gates it waits for are files there too: so a test sees and steers it even while it hears nothing.
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { viewsOf } from '../../dist/core/views/test-time.js';
import { geometryOf } from '../../dist/core/views/views.js';
import { failureOf } from '../../dist/runtime/workers/protocol/calls.js';
import { encodeFrame, FrameReader } from '../../dist/runtime/workers/protocol/frame.js';

/** @import { NetworkSpec } from '../../dist/runtime/networks/network-spec.js' */
/** @import { Ask, AskHead, RunInput } from '../../dist/runtime/workers/protocol/calls.js' */

/** @typedef {{ load?: string, classes?: number, offset?: number, batch?: number, action?: number, sure?: number, session?: string, journal?: string }} Script */
/** @typedef {{ file: string, script: Script, spec: NetworkSpec }} Network */
/** @typedef {Uint8Array<ArrayBuffer>} Part */
/** @type {Map<string, Network>} */
const networks = new Map();
const POLL_MS = 2;
const SOCKET = 3;
/** @type {Uint8Array[][]} */
const kept = [];
let decodeLimits = { maxPixels: 1_000_000 };

/** @param {string} file @param {string} line */
const note = (file, line) => appendFileSync(`${file}.log`, `${line}\n`);
/** @param {string} file */
const log = (file) => (existsSync(`${file}.log`) ? readFileSync(`${file}.log`, 'utf8').split('\n') : []);
/** @param {string} gate */
const opened = async (gate) => {
  while (!existsSync(gate)) await sleep(POLL_MS);
};
/** Says that the call is answered with nonsense: which, says the picture's argument. */
class Nonsense extends Error {
  /** @param {number} which */
  constructor(which) {
    super();
    this.which = which;
  }
}
const forever = () => new Promise(() => {});
const block = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
/** Memory that is really there. @param {number} mib */
const take = (mib) => Array.from({ length: mib }, () => new Uint8Array(1024 * 1024).fill(1));

/** @param {Ask<'load'>} ask */
async function load({ spec }) {
  const { key, file } = spec;
  const bytes = readFileSync(file, 'utf8');
  const script = /** @type {Script} */ (JSON.parse(bytes));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const loadedBefore = log(file).filter((line) => line.startsWith('loaded')).length;
  note(file, 'load');
  appendFileSync(`${file}.pids`, `${process.pid}\n`);
  const how = script.load ?? 'ok';
  if (how === 'crash') process.exit(7);
  if (how === 'block') block();
  if (how === 'hold' || how === 'hold-fail') await opened(`${file}.go-load`);
  if (how.endsWith('fail') || (how === 'fail-second' && loadedBefore > 0)) {
    return { type: 'failed', code: 'invalid_network', message: `cannot load ${file}` };
  }
  networks.set(key, { file, script, spec });
  note(file, `loaded ${process.pid}`);
  const { classes = 10, batch = 1 } = script;
  const info = {
    provider: 'cpu',
    layersOnCpu: [],
    sha256,
    session: `${script.session ?? `${sha256} ${file}`} ${spec.loneThreads ?? ''}`,
    headBytes: 0,
    classes,
    batch,
  };
  return { answer: { info: { ...info, loadMs: 1, warmupMs: 1, viewMs: 1 } } };
}

/** @param {Ask<'unload'>} ask */
function unload({ key }) {
  const network = networks.get(key);
  networks.delete(key);
  if (network) note(network.file, 'unload');
  return { answer: {} };
}

/** Says that the instance for lone requests runs. @param {Network | undefined} network */
function noteAlone(network) {
  if (network?.spec.loneThreads !== undefined) note(network.file, 'alone');
}

/** One outcome for each input, one after the other. @param {Ask<'run'>} ask @param {Part[]} parts */
async function run({ inputs }, parts) {
  const [first] = inputs;
  const counted = networks.get(first?.key ?? '');
  if (counted && inputs.length > 1) note(counted.file, `batch of ${inputs.length}`);
  const outcomes = [];
  const scores = [];
  /** @type {Map<string, Part>} */
  const sent = new Map();
  for (const [i, input] of inputs.entries()) {
    try {
      const network = networks.get(input.key);
      if (!network) throw new Error(`network ${input.key} is not in this worker`);
      noteAlone(network);
      const { rows, ...facts } = await rowsOf(network, input, partOf(input, sent, /** @type {Part} */ (parts[i])));
      const answers = [];
      for (const row of rows) answers.push(...(await runRow(network, row)));
      outcomes.push({ type: 'scores', ...facts });
      scores.push(new Uint8Array(Float32Array.from(answers).buffer));
    } catch (error) {
      if (error instanceof Nonsense) throw error;
      outcomes.push(failureOf(error));
      scores.push(new Uint8Array());
    }
  }
  return { answer: { outcomes, normaliseMs: 1, inferenceMs: 2 }, parts: scores };
}

/** Views of one name are sent once. @param {RunInput} input @param {Map<string, Part>} sent @param {Part} part */
function partOf(input, sent, part) {
  if (input.kind !== 'views') return part;
  if (!sent.has(input.name)) sent.set(input.name, part);
  return sent.get(input.name) ?? part;
}

/**
 * The rows of views as they came, or those of a picture.
 * @param {Network} network @param {RunInput} input @param {Part} part
 */
async function rowsOf({ file, spec }, input, part) {
  if (input.kind === 'views') {
    const length = part.length / input.rows;
    return { rows: Array.from({ length: input.rows }, (_, i) => part.subarray(i * length, (i + 1) * length)) };
  }
  const { picture, renderings } = await read(part, input.autoOrient, [
    { geometry: geometryOf(spec), viewOptions: input.viewOptions },
  ]);
  note(file, 'decoded');
  const [rendered] = renderings;
  return { rows: rendered?.rows ?? [], counts: rendered?.counts ?? [], picture };
}

/**
 * A picture is its own rendering, in every view.
 * @param {Part} file @param {boolean} autoOrient @param {Ask<'render'>['renderings']} asked
 */
async function read(file, autoOrient, asked) {
  // Only where pictures are decoded: it takes longer to load than all the rest.
  const { decode } = await import('../../dist/imaging/decode.js');
  const { width, height, format, data } = await decode(file, autoOrient, decodeLimits);
  const renderings = asked.map(({ geometry, viewOptions }) => {
    const counts = viewsOf({ width, height }, geometry, viewOptions).map(({ count }) => count);
    return { counts, rows: counts.map(() => data) };
  });
  return { picture: { width, height, format, decodeMs: 1, renderMs: 1 }, renderings };
}

/** @param {Ask<'render'>} ask @param {Part[]} parts */
async function render({ autoOrient, renderings: asked }, [file]) {
  const { picture, renderings } = await read(/** @type {Part} */ (file), autoOrient, asked);
  const counts = renderings.map((rendered) => rendered.counts);
  return { answer: { picture, counts }, parts: renderings.map(({ rows }) => Buffer.concat(rows)) };
}

/** @param {Network} network @param {Uint8Array} data */
async function runRow({ file, script }, data) {
  const [said = 0, high = 0, low = 0] = data;
  const action = script.action ?? said;
  const argument = high * 256 + low;
  note(file, `run ${argument}`);
  if (script.journal) appendFileSync(script.journal, `${argument}\n`);
  const gate = `${file}.go-${argument}`;
  if (action === 1) await opened(gate);
  else if (action === 2) while (!existsSync(gate));
  else if (action === 3) block();
  else if (action === 4) process.exit(3);
  else if (action === 5)
    setImmediate(() => {
      throw new Error('scripted crash');
    }); // prettier-ignore
  else if (action === 7) throw new Error('scripted failure');
  else if (action === 8) process.kill(process.pid, 'SIGSEGV');
  else if (action === 12) kept.push(take(argument));
  else if (action === 9) process.kill(process.pid, 'SIGSTOP');
  else if (action === 10) {
    const held = take(argument);
    await opened(gate);
    held.length = 0;
  } else if (action === 11) throw new Nonsense(argument);
  if (action === 5 || action === 6 || action === 8) await forever();
  note(file, `ran ${argument}`);
  const probabilities = new Float32Array(script.classes ?? 10).fill(0.01);
  probabilities[(argument + (script.offset ?? 0)) % probabilities.length] = script.sure ?? 0.9;
  return probabilities;
}

/** What a worker may say that is no answer. @type {((id: number) => void)[]} */
const NONSENSE = [
  () => socket.write(Buffer.alloc(1000, 1)),
  // A part of 4 GB.
  (id) => socket.write(Buffer.concat(encodeFrame({ id }, [new Uint8Array(1)])).fill(255, 12, 16)),
  (id) => send({ id: id + 1, type: 'done', answer: {} }),
  () => send({ id: {}, type: 'done', answer: {} }),
  () => send([]),
  () => {
    setInterval(() => {}, 1000);
    socket.removeAllListeners().destroySoon();
  },
  // These are answers, to something else.
  (id) => send({ id, type: 'done' }),
  (id) => send({ id, type: 'done', answer: {} }),
  (id) => send({ id, type: 'done', answer: { outcomes: {} } }),
  (id) => send({ id, type: 'done', answer: { outcomes: [null] } }),
  (id) => send(scored(id, {})),
  (id) => send(scored(id, {}), [new Uint8Array(41)]),
  (id) => send(scored(id, { counts: [] }), [new Uint8Array(40)]),
  (id) => send(scored(id, { counts: { length: 1e9 } }), [new Uint8Array(40)]),
  (id) => send({ id, type: 'failed' }),
  (id) => send({ id, type: 'failed', code: '__proto__', message: {} }),
  (id) => send({ id, type: 'perhaps' }),
  (id) => send({ id, type: 'cancelled' }),
];

/** @param {number} id @param {object} outcome */
function scored(id, outcome) {
  const answer = { outcomes: [{ type: 'scores', ...outcome }], normaliseMs: 1, inferenceMs: 1 };
  return { id, type: 'done', answer };
}

/** Tensors come back as they are. @param {Ask<'compute'>} ask @param {Part[]} parts */
function compute({ key, feeds }, parts) {
  noteAlone(networks.get(key));
  return { answer: { tensors: feeds, inferenceMs: 1 }, parts };
}

/** @param {AskHead} head @param {Part[]} parts */
async function answer(head, parts) {
  switch (head.kind) {
    case 'start':
      decodeLimits = head.ask.settings.decode ?? decodeLimits;
      return { answer: {} };
    case 'load':
      return load(head.ask);
    case 'unload':
      return unload(head.ask);
    case 'run':
      return run(head.ask, parts);
    case 'render':
      return render(head.ask, parts);
    case 'compute':
      return compute(head.ask, parts);
    default:
      throw new Error(`nobody told what to do for ${head.kind}`);
  }
}

const socket = new Socket({ fd: SOCKET, readable: true, writable: true });
const reader = new FrameReader(2 ** 30);
/** @type {import('../../dist/runtime/workers/protocol/frame.js').Frame[]} */
const waiting = [];
const cancelled = new Set();
let working = false;

/** @param {object} head @param {Uint8Array[]} [parts] */
function send(head, parts = []) {
  for (const bytes of encodeFrame(head, parts)) socket.write(bytes);
}

async function workOff() {
  if (working) return;
  working = true;
  for (let frame = waiting.shift(); frame; frame = waiting.shift()) {
    const head = /** @type {AskHead} */ (frame.head);
    const { id } = head;
    /** @type {{ type?: string, answer?: object, code?: string, parts?: Uint8Array[] }} */
    let reply;
    try {
      reply = cancelled.has(id) ? { type: 'cancelled' } : await answer(head, frame.parts);
    } catch (error) {
      if (error instanceof Nonsense) {
        NONSENSE[error.which]?.(id);
        continue;
      }
      reply = failureOf(error);
    }
    const { parts = [], ...rest } = reply;
    send({ id, type: 'done', ...rest }, parts);
    await new Promise(setImmediate);
  }
  working = false;
}

socket.on('data', (chunk) => {
  for (const frame of reader.push(chunk)) {
    const head = /** @type {AskHead} */ (frame.head);
    if (head.kind === 'cancel') cancelled.add(head.id);
    else waiting.push(frame);
  }
  void workOff();
});
for (const event of ['end', 'error', 'close']) socket.on(event, () => process.exit(0));
