import { setTimeout as sleep } from 'node:timers/promises';
import { atATime } from '../shared/loops.mjs';
import { Audit } from './audit.mjs';
import { outcomeOf } from './books.mjs';
import { watchHealth } from './health.mjs';
import { GOLDEN, rawBody } from './pictures.mjs';
import { shown, Tally } from './tally.mjs';

/** @import { Context } from './context.mjs' */

export const overload = {
  name: 'overload',
  about: 'five times what the server can do is answered or refused at once, five times; then all is well again',
  run,
};

const MODEL = 'cifar10-resnet20';
/** Room for about fourteen pictures. */
const QUEUE_GMACS = 8;
const [TIMES, ROUNDS, ROUND_S] = [5, 5, 4];
/** So that a round stays a round on a machine of any speed. */
const [FEWEST, MOST] = [250, 6000];
/** Connections: no more are opened, however far behind the server is. */
const MOST_IN_FLIGHT = 700;
const [CALM_CLIENTS, CALM_REQUESTS, PROBES] = [4, 100, 300];
const TICK_MS = 5;

/**
 * Begins `total` pieces of work at a steady rate, whether or not those before are done.
 * @param {number} rate a second @param {number} total @param {() => Promise<void>} work
 * @returns how many a second it came to
 */
async function steadily(rate, total, work) {
  const started = performance.now();
  const elapsed = () => (performance.now() - started) / 1000;
  /** @type {Set<Promise<void>>} */
  const running = new Set();
  let begun = 0;
  while (begun < total) {
    while (begun < Math.min(total, elapsed() * rate) && running.size < MOST_IN_FLIGHT) {
      begun++;
      const piece = work().finally(() => running.delete(piece));
      running.add(piece);
    }
    await sleep(TICK_MS);
  }
  const reached = total / elapsed();
  await Promise.all(running);
  return reached;
}

/** @param {Context} context */
async function run(context) {
  const { report } = context;
  const server = await context.start({ MENAGERIE_MODELS: MODEL, MENAGERIE_QUEUE: String(QUEUE_GMACS) });
  const client = server.client(MOST_IN_FLIGHT);
  const body = rawBody(GOLDEN[MODEL].bytes);
  const audit = await Audit.begin(server);
  const ask = () => client.classifyAnew(MODEL, body);
  /** Asks so often, a few at a time, and says what came back. @param {number} count */
  const calmly = async (count) => {
    const outcomes = new Tally();
    await atATime(CALM_CLIENTS, () =>
      count-- > 0 ? ask().then(({ status }) => outcomes.add(String(status))) : undefined,
    );
    return outcomes;
  };

  const started = performance.now();
  await calmly(PROBES);
  const capacity = PROBES / ((performance.now() - started) / 1000);
  const perRound = Math.round(Math.min(MOST, Math.max(FEWEST, TIMES * capacity * ROUND_S)));
  const stopLooking = watchHealth(server);
  const [flood, calm] = [new Tally(), new Tally()];
  const rates = [];
  /** @type {string[]} */
  const withoutAdvice = [];
  for (let round = 1; round <= ROUNDS; round++) {
    context.progress(`round ${round} of ${ROUNDS}`);
    const rate = await steadily(TIMES * capacity, perRound, async () => {
      const reply = await ask();
      flood.add(outcomeOf(reply));
      const advice = reply.headers['retry-after'];
      if (reply.status === 503 && !/^[1-9]\d*$/.test(advice ?? '')) withoutAdvice.push(`Retry-After: ${advice}`);
    });
    rates.push(rate);
    for (const [outcome, count] of (await calmly(CALM_REQUESTS)).entries) calm.add(outcome, count);
  }
  client.close();

  const total = ROUNDS * perRound;
  const reached = rates.map((rate) => `${(rate / capacity).toFixed(1)}`).join(', ');
  report.sent.push(
    `${ROUNDS} times ${shown(perRound)} pictures at ${shown(TIMES * capacity)} a second: ${TIMES} times the ` +
      `${shown(capacity)} a second that ${CALM_CLIENTS} clients got (reached: ${reached} times)`,
    `after each ${CALM_REQUESTS} pictures by ${CALM_CLIENTS} clients`,
  );
  await stopLooking(report);
  report.back.push(`in the floods: ${flood}`, `after them: ${calm}`);
  report.only('replies in the floods but answers and refusals', flood, ['200', '503 overloaded']);
  report.equal('replies in the floods', flood.total(), total);
  report.check('some were answered', flood.get('200') > 0, shown(flood.get('200')));
  report.check('some were refused', flood.get('503 overloaded') > 0, shown(flood.get('503 overloaded')));
  report.none('refusals that do not say when to come again', withoutAdvice);
  report.sameTally('after the floods all are answered', calm, new Tally([['200', ROUNDS * CALM_REQUESTS]]));
  await audit.close(report);
  await context.stop(server);
}
