// The services that are compared, each as a process of its own: this server, and two others that do the same work.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Type from 'typebox';
import { treeOf } from '../../dist/system/process-tree.js';
import { startServer } from '../measure/server-process.mjs';
import { jsonOf } from '../shared/json-reply.mjs';
import { listen } from '../shared/listen.mjs';
import { pidOf } from '../shared/processes.mjs';

/** @typedef {import('./networks.mjs').Network} Network */
/**
 * @typedef {object} Service
 * @property {string} name
 * @property {string} address
 * @property {string} path of requests, to which parameters can be added
 * @property {number} pid
 * @property {() => Promise<number | null>} eventLoopDelayMs 99th percentile since it was last asked
 * @property {() => Promise<void>} stop
 */

const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 5_000;
/** What a process of another service says of its health. */
const Alive = Type.Object({ pid: Type.Number() });
const SCRIPTS = {
  python: fileURLToPath(new URL('./peers/python_service.py', import.meta.url)),
  naive: fileURLToPath(new URL('./peers/naive_service.mjs', import.meta.url)),
};

/** This server as users start it. @param {Network} network @param {Record<string, string>} settings @returns {Promise<Service>} */
export async function startMenagerie({ id, variant }, settings) {
  const child = await startServer({ DEVICE: 'cpu', MENAGERIE_MODELS: `${id}:${variant}`, ...settings });
  return {
    name: 'menagerie',
    address: child.address,
    path: `/classify?model=${id}&`,
    pid: child.pid,
    async eventLoopDelayMs() {
      const text = await (await fetch(`${child.address}/metrics`)).text();
      const [, seconds] = /^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(text) ?? [];
      return seconds === undefined ? null : 1000 * Number(seconds);
    },
    stop: () => stop(child),
  };
}

/**
 * The Python service, with its threads in one process or with as many processes.
 * @param {Network} network
 * @param {string} python
 * @param {'threads' | 'processes'} variant
 */
export function startPython(network, python, variant) {
  const cores = availableParallelism();
  const [processes, threads] = variant === 'threads' ? [1, cores] : [cores, 1];
  const args = ['-B', SCRIPTS.python, '--threads', String(threads), '--workers', String(processes)];
  return startPeer('python', python, args, network, processes);
}

/** The naive Node service. @param {Network} network */
export const startNaive = (network) => startPeer('naive', process.execPath, [SCRIPTS.naive], network, 1);

/**
 * @param {string} name
 * @param {string} command
 * @param {string[]} args
 * @param {Network} network
 * @param {number} processes that answer
 * @returns {Promise<Service>}
 */
async function startPeer(name, command, args, { file, manifest }, processes) {
  const port = await freePort();
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
  };
  const flags = Object.entries(options).map(([option, value]) => `--${option}=${value}`);
  const child = spawn(command, [...args, ...flags], { stdio: ['ignore', 'inherit', 'inherit'] });
  const address = `http://127.0.0.1:${port}`;
  await ready(child, name, address, processes);
  return {
    name,
    address,
    path: '/classify?',
    pid: pidOf(child),
    eventLoopDelayMs: async () => jsonOf(await fetch(`${address}/event-loop`), Type.Number()),
    stop: () => stop(child),
  };
}

/** Waits until every process of a service has answered. @param {import('node:child_process').ChildProcess} child @param {string} name @param {string} address @param {number} processes */
async function ready(child, name, address, processes) {
  const pids = new Set();
  const until = performance.now() + START_TIMEOUT_MS;
  while (pids.size < processes) {
    if (child.exitCode !== null) throw new Error(`the ${name} service ended with ${child.exitCode}`);
    if (performance.now() > until) throw new Error(`the ${name} service does not answer`);
    await sleep(50);
    // On connections of their own, several at a time, so that one process does not get them all.
    const headers = { connection: 'close' };
    const asked = Array.from({ length: processes }, () => fetch(`${address}/livez`, { headers }));
    for (const reply of await Promise.allSettled(asked)) {
      if (reply.status === 'fulfilled') pids.add((await jsonOf(reply.value, Alive)).pid);
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

/** Ends a service and its processes, politely at first. @param {import('node:child_process').ChildProcess} child */
async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const family = treeOf(pidOf(child));
  const timer = setTimeout(() => family.forEach(kill), STOP_TIMEOUT_MS);
  const ended = once(child, 'exit');
  child.kill();
  await ended;
  clearTimeout(timer);
}

/** Whoever has gone meanwhile is what is wanted. @param {number} pid */
function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {}
}
