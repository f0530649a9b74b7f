// The services that are compared, each as a process of its own: this server, and others that do the same work.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { treeOf } from '../../dist/system/process-tree.js';
import { startServer } from '../measure/server-process.mjs';
import { listen } from '../shared/listen.mjs';
import { pidOf } from '../shared/processes.mjs';
import { PEERS } from './peers.mjs';
import { asForm, ask, readAnswer } from './requests.mjs';

/** @typedef {import('./networks.mjs').Network} Network */
/**
 * @typedef {object} Service
 * @property {string} name
 * @property {string} address
 * @property {string} path of requests, to which parameters can be added
 * @property {(picture: import('./requests.mjs').Picture) => import('./requests.mjs').Request} request
 * @property {number} pid
 * @property {boolean} compiles whether its code is compiled while it runs, as JavaScript is
 * @property {() => Promise<void>} stop
 */

const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 5_000;

/**
 * This server as users start it.
 * @param {Network} network
 * @param {Record<string, string>} settings
 * @param {{ name?: string, checkout?: string }} options what it is called; another checkout of this repository, built
 * @returns {Promise<Service>}
 */
export async function startMenagerie({ id, variant }, settings, { name = 'menagerie', checkout } = {}) {
  const main = checkout === undefined ? undefined : join(checkout, 'dist/main.js');
  const child = await startServer({ DEVICE: 'cpu', MENAGERIE_MODELS: `${id}:${variant}`, ...settings }, main);
  return {
    name,
    address: child.address,
    path: `/classify?model=${id}&`,
    request: asForm,
    pid: child.pid,
    compiles: true,
    stop: () => stop(child),
  };
}

/**
 * Another service. Waits until all its processes answer.
 * @param {string} name of PEERS
 * @param {Network} network
 * @param {{ python: string | undefined, temporary: string }} options an interpreter, and a folder to write into
 * @returns {Promise<Service>}
 */
export async function startPeer(name, { file, manifest, small }, { python, temporary }) {
  const peer = PEERS[name];
  if (!peer) throw new Error(`there is no service ${name}`);
  const { script, processes, path, request } = peer;
  const port = await freePort();
  const folder = mkdtempSync(join(temporary, `${name}-`));
  const { input, preprocess } = manifest;
  const { mode } = preprocess.resize;
  // This server finds a digit and makes it light on dark; there the picture is made as large as the input, and negative.
  const negative = mode === 'digit';
  const options = {
    model: file,
    input: input.name,
    size: input.height,
    resize: mode === 'shorter_side' ? preprocess.resize.size : input.height,
    channels: preprocess.mean.length,
    scale: negative ? -preprocess.scale : preprocess.scale,
    mean: preprocess.mean.map((mean) => (negative ? mean - 1 : mean)).join(','),
    std: preprocess.std.join(','),
    port,
    ...(script.endsWith('.py') ? { workers: processes, folder } : {}),
  };
  const flags = Object.entries(options).map(([option, value]) => `--${option}=${value}`);
  const program = fileURLToPath(new URL(`./peers/${script}`, import.meta.url));
  const [command, ...first] = script.endsWith('.py') ? [python ?? 'python3', '-B'] : [process.execPath];
  const log = join(folder, 'log');
  const messages = openSync(log, 'a');
  const child = spawn(command, [...first, program, ...flags], { stdio: ['ignore', messages, messages] });
  closeSync(messages);
  const service = {
    name,
    address: `http://127.0.0.1:${port}`,
    path,
    request,
    pid: pidOf(child),
    compiles: !script.endsWith('.py'),
    stop: () => stop(child),
  };
  try {
    await ready(child, service, request(small), processes);
    return service;
  } catch (error) {
    await service.stop();
    throw new Error(`${name} does not serve ${file}. It says:\n${readFileSync(log, 'utf8')}`, { cause: error });
  }
}

/**
 * Waits until every process of a service has answered.
 * @param {import('node:child_process').ChildProcess} child
 * @param {Service} service
 * @param {import('./requests.mjs').Request} request
 * @param {number} processes
 */
async function ready(child, service, { body, headers }, processes) {
  const pids = new Set();
  const until = performance.now() + START_TIMEOUT_MS;
  let last = 'nothing';
  while (pids.size < processes) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    if (performance.now() > until) throw new Error(`it is not ready in time: ${last}`);
    await sleep(50);
    // On connections of their own, many at a time, so that one process does not get them all.
    const request = { body, headers: { ...headers, connection: 'close' } };
    const asked = Array.from({ length: 4 * processes }, async () => readAnswer(await ask(service, request)));
    for (const answer of await Promise.allSettled(asked)) {
      if (answer.status === 'fulfilled') pids.add(answer.value.pid);
      else last = String(answer.reason);
    }
  }
}

async function freePort() {
  const server = createServer();
  const port = await listen(server);
  server.close();
  await once(server, 'close');
  return port;
}

/** Ends a service, politely at first, and whatever it leaves behind. @param {import('node:child_process').ChildProcess} child */
async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const family = treeOf(pidOf(child));
  const timer = setTimeout(() => family.forEach(kill), STOP_TIMEOUT_MS);
  const ended = once(child, 'exit');
  child.kill();
  await ended;
  clearTimeout(timer);
  family.forEach(kill);
}

/** Whoever has gone meanwhile is what is wanted. @param {number} pid */
function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {}
}
