// A thread of health.mjs: asks GET /livez at a steady pace, whether or not it was answered before, and reports the milliseconds.
import { Agent, get } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';

const EVERY_MS = 25;
/** @type {{ address: string, skipSeconds: number }} */
const { address, skipSeconds } = workerData;
const agent = new Agent({ keepAlive: true });
const begun = performance.now();
/** @type {number[]} */
const times = [];
let unanswered = 0;

function ask() {
  const started = performance.now();
  unanswered++;
  const counts = started - begun >= skipSeconds * 1000;
  const done = () => {
    unanswered--;
    if (counts) times.push(performance.now() - started);
  };
  get(`${address}/livez`, { agent }, (reply) => reply.resume().once('end', done)).once('error', done);
}

const timer = setInterval(ask, EVERY_MS);
parentPort?.once('message', async () => {
  clearInterval(timer);
  // The slowest answers are the ones that matter: none is left out.
  while (unanswered > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  parentPort?.postMessage(times);
  agent.destroy();
});
