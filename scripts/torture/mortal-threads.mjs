// Loaded into a server before anything else: makes its lanes and readers die now and then, with answers ready and not yet given.
import { appendFileSync, readFileSync } from 'node:fs';
import { isMainThread, parentPort, threadId, workerData } from 'node:worker_threads';
import { createRandom } from '../../dist/core/random.js';

const { TORTURE_DEATHS: file, TORTURE_MOST_DEATHS: most, TORTURE_SEED: seed } = process.env;
const STATUS = 3;
/** Pieces of work that a thread lives for. A lane's first is its network's own trial while it is brought up. */
const [SHORTEST_LIFE, LONGEST_LIFE] = [10, 40];

/** A lane is given what computes, a reader how large pictures may be; other threads are given other things. */
function kindOfThread() {
  if (isMainThread || workerData === null || typeof workerData !== 'object') return undefined;
  return 'device' in workerData ? 'lane' : 'maxPixels' in workerData ? 'reader' : undefined;
}

const kind = kindOfThread();
if (kind && parentPort && file !== undefined) {
  const send = parentPort.postMessage.bind(parentPort);
  let left = SHORTEST_LIFE + createRandom(Number(seed) + threadId).integer(LONGEST_LIFE - SHORTEST_LIFE + 1);
  parentPort.postMessage = (reply, transfer) => {
    const isWork = typeof reply.result === 'object' && ('outcomes' in reply.result || 'looks' in reply.result);
    if (isWork && --left <= 0 && deaths() < Number(most)) {
      appendFileSync(file, `${kind}\n`);
      process.exit(STATUS);
    }
    send(reply, /** @type {any} */ (transfer));
  };
}

/** How many threads of this kind have died so far. */
function deaths() {
  const lines = readFileSync(/** @type {string} */ (file), 'utf8').split('\n');
  return lines.filter((line) => line === kind).length;
}
