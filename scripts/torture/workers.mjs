import { Audit } from './audit.mjs';
import { outcomeOf } from './books.mjs';
import { GoodClients } from './good-clients.mjs';
import { oneOf } from './one-of.mjs';
import { WORKERS } from './subject.mjs';
import { shown, Tally } from './tally.mjs';

/** @import { Context } from './context.mjs' */

export const workers = {
  name: 'workers',
  about:
    'workers that are killed, crash or are stopped with work in hand lose at most one picture each, and are replaced',
  run,
};

const MODEL = 'cifar10-resnet20';
const CLIENTS = 8;
const DEATHS = 40;
/** Answers between two deaths, at least and at most. */
const [FEWEST, MOST] = [5, 60];
/** What was in hand when a worker had a fault may have been the reason, and is not tried again. */
/** @type {NodeJS.Signals[]} */
const WAYS = ['SIGKILL', 'SIGSEGV', 'SIGABRT', 'SIGSTOP'];
const FAULTS = ['SIGSEGV', 'SIGABRT'];

/** @param {Context} context */
async function run(context) {
  const { report } = context;
  const server = await context.start({
    MENAGERIE_MODELS: MODEL,
    // So that a worker has several pictures in hand.
    MENAGERIE_BATCH: '4',
    // The deaths are expected; the log would be full of them.
    MENAGERIE_LOG_LEVEL: 'fatal',
  });
  if (server.workers.length === 0) {
    report.skipped = 'the workers cannot be found: there is no /proc';
    return;
  }
  const random = context.random();
  const audit = await Audit.begin(server);
  const ways = new Tally();
  /** @type {string[]} */
  const wrong = [];
  let answered = 0;
  const good = new GoodClients(server, MODEL, CLIENTS, (reply, right) => {
    answered++;
    if (!right && reply.code !== 'worker_failed') wrong.push(outcomeOf(reply));
  });
  for (let death = 0; death < DEATHS; death++) {
    const due = answered + FEWEST + random.integer(MOST - FEWEST);
    await server.lookUntil((metrics) => answered >= due && metrics.value('workers_alive') === WORKERS);
    const way = oneOf(random, WAYS);
    const [pid] = server.workers.slice(random.integer(server.workers.length));
    if (pid === undefined) continue;
    process.kill(pid, way);
    ways.add(way);
    context.progress(`${shown(good.asked)} questions, ${death + 1} deaths`);
    await server.lookUntil((metrics) => metrics.value('worker_replacements_total') === death + 1);
  }
  await server.lookUntil((metrics) => metrics.value('workers_alive') === WORKERS);
  const until = answered + MOST;
  await server.lookUntil(() => answered >= until);
  await good.stop();

  report.sent.push(`${shown(good.asked)} questions by ${CLIENTS} clients; workers that got ${ways}`);
  report.back.push(`replies: ${server.books.seen}`);
  const failed = server.books.seen.get('503 worker_failed');
  const faults = FAULTS.reduce((sum, way) => sum + ways.get(way), 0);
  report.check('no more were lost than workers had faults', failed <= faults, `${failed} of ${faults}`);
  report.none('other replies than the right answer', wrong);
  report.equal('requests without a whole reply', server.books.unanswered.total(), 0);
  const after = await audit.close(report, { deaths: DEATHS });
  report.equal('copies of the model lost', after.value('instances_lost_total'), 0);
  await context.stop(server);
}
