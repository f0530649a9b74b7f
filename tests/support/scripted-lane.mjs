// A lane that computes nothing and does as it is told (see lane-script.ts). What it is to do with a picture stands in the
// picture's first pixel, what it is to do at loading in the "weights", a JSON file. What it did it writes beside them,
// and gates it waits for are files there too: so a test sees and steers it even while its thread is blocked.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, threadId } from 'node:worker_threads';

/** @typedef {{ load?: string, classes?: number, offset?: number, batch?: number, action?: number, sure?: number, journal?: string }} Script */
/** @type {Map<string, { file: string, script: Script }>} */
const networks = new Map();
const POLL_MS = 2;

/** @param {string} file @param {string} line */
const note = (file, line) => appendFileSync(`${file}.log`, `${line}\n`);
/** @param {string} file */
const log = (file) => (existsSync(`${file}.log`) ? readFileSync(`${file}.log`, 'utf8').split('\n') : []);
/** @param {string} gate */
const opened = async (gate) => {
  while (!existsSync(gate)) await sleep(POLL_MS);
};
const forever = () => new Promise(() => {});
const blockThread = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);

/** @param {{ key: string, file: string }} spec */
async function load({ key, file }) {
  const script = /** @type {Script} */ (JSON.parse(readFileSync(file, 'utf8')));
  const loadedBefore = log(file).filter((line) => line.startsWith('loaded')).length;
  note(file, 'load');
  const how = script.load ?? 'ok';
  if (how === 'crash') process.exit(7);
  if (how === 'block') blockThread();
  if (how === 'hold' || how === 'hold-fail') await opened(`${file}.go-load`);
  if (how.endsWith('fail') || (how === 'fail-second' && loadedBefore > 0)) {
    throw Object.assign(new Error(`cannot load ${file}`), { code: 'invalid_network' });
  }
  networks.set(key, { file, script });
  note(file, `loaded ${threadId}`);
  const { classes = 10, batch = 1 } = script;
  return { provider: 'cpu', fallback: undefined, layersOnCpu: [], classes, batch, loadMs: 1, warmupMs: 1, rowMs: 1 };
}

/** @typedef {{ data: Uint8Array, rows: number }} Input */

/** One outcome for each input, one after the other. @param {string} key @param {Input[]} inputs */
async function run(key, inputs) {
  const network = networks.get(key);
  if (!network) throw new Error(`network ${key} is not in this lane`);
  if (inputs.length > 1) note(network.file, `batch of ${inputs.length}`);
  const outcomes = [];
  for (const input of inputs) {
    const rows = rowsOf(input);
    try {
      const answers = [];
      for (const row of rows) answers.push(...(await runRow(network, row)));
      outcomes.push({ type: 'scores', scores: Float32Array.from(answers) });
    } catch (error) {
      outcomes.push({ type: 'failed', code: 'internal', message: String(error), detail: undefined });
    }
  }
  return { outcomes, preprocessMs: 1, inferenceMs: 2 };
}

/** @param {Input} input */
function rowsOf({ data, rows }) {
  const length = data.length / rows;
  return Array.from({ length: rows }, (_, i) => data.subarray(i * length, (i + 1) * length));
}

/** @param {{ file: string, script: Script }} network @param {Uint8Array} data */
async function runRow({ file, script }, data) {
  const [said = 0, high = 0, low = 0] = data;
  const action = script.action ?? said;
  const argument = high * 256 + low;
  note(file, `run ${argument}`);
  if (script.journal) appendFileSync(script.journal, `${argument}\n`);
  const gate = `${file}.go-${argument}`;
  if (action === 1) await opened(gate);
  else if (action === 2) while (!existsSync(gate));
  else if (action === 3) blockThread();
  else if (action === 4) process.exit(3);
  else if (action === 5)
    setImmediate(() => {
      throw new Error('scripted crash');
    }); // prettier-ignore
  else if (action === 7) throw new Error('scripted failure');
  if (action === 5 || action === 6) await forever();
  note(file, `ran ${argument}`);
  const probabilities = new Float32Array(script.classes ?? 10).fill(0.01);
  probabilities[(argument + (script.offset ?? 0)) % probabilities.length] = script.sure ?? 0.9;
  return probabilities;
}

parentPort?.on('message', async (request) => {
  const { id } = request;
  try {
    let result;
    if (request.type === 'load') result = await load(request.spec);
    else if (request.type === 'run') result = await run(request.key, request.inputs);
    else {
      const network = networks.get(request.key);
      networks.delete(request.key);
      if (network) note(network.file, 'unload');
    }
    parentPort?.postMessage({ id, type: 'done', result });
  } catch (error) {
    const { code = 'internal', message } = /** @type {{ code?: string, message: string }} */ (error);
    parentPort?.postMessage({ id, type: 'failed', code, message, detail: undefined });
  }
});
