import { setTimeout as sleep } from 'node:timers/promises';
import { keepAsking } from '../shared/loops.mjs';

/** @import { Report } from './report.mjs' */
/** @import { Subject } from './subject.mjs' */

const EVERY_MS = 100;

/** Looks at a server's health over and over, and at its end whether it was always well. @param {Subject} server */
export function watchHealth(server) {
  const client = server.client(1);
  let [looks, slowest] = [0, 0];
  const stop = keepAsking(1, async () => {
    const began = performance.now();
    const { error } = await client.get(looks++ % 2 ? '/livez' : '/readyz');
    slowest = Math.max(slowest, performance.now() - began);
    await sleep(EVERY_MS);
    return error === undefined;
  });
  return async (/** @type {Report} */ report) => {
    await stop();
    client.close();
    report.sent.push(`all the while ${looks} looks at /livez and /readyz; the slowest took ${slowest.toFixed(0)} ms`);
    report.equal('looks at health answered with 200', server.books.replies.total(/^GET \/(livez|readyz) 200$/), looks);
  };
}
