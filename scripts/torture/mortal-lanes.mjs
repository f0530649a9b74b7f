// Loaded into a server before anything else: makes its lanes die now and then, with answers computed and not yet given.
import { appendFileSync, readFileSync } from 'node:fs';
import { isMainThread, parentPort, threadId, workerData } from 'node:worker_threads';
import { createRandom } from '../../dist/core/random.js';

const { TORTURE_DEATHS: file, TORTURE_MOST_DEATHS: most, TORTURE_SEED: seed } = process.env;
const STATUS = 3;
/** Runs that a lane lives for. The first is its network's own trial while it is brought up. */
const [SHORTEST_LIFE, LONGEST_LIFE] = [10, 40];

// A lane is given what computes and with how many threads; other threads are given other things.
const isLane = !isMainThread && workerData !== null && typeof workerData === 'object' && 'device' in workerData;
if (isLane && parentPort && file !== undefined) {
  const send = parentPort.postMessage.bind(parentPort);
  let left = SHORTEST_LIFE + createRandom(Number(seed) + threadId).integer(LONGEST_LIFE - SHORTEST_LIFE + 1);
  parentPort.postMessage = (reply, transfer) => {
    const isRun = typeof reply.result === 'object' && 'outcomes' in reply.result;
    if (isRun && --left <= 0 && deaths() < Number(most)) {
      appendFileSync(file, `${threadId}\n`);
      process.exit(STATUS);
    }
    send(reply, /** @type {any} */ (transfer));
  };
}

/** How many lanes have died so far. */
function deaths() {
  return readFileSync(/** @type {string} */ (file), 'utf8').split('\n').length - 1;
}
