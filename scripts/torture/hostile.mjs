import { setTimeout as sleep } from 'node:timers/promises';
import { statOf } from '../../dist/system/process-tree.js';
import { keepAsking } from '../shared/loops.mjs';
import { inTemporaryFolder } from '../shared/temporary-folder.mjs';
import { outcomeOf } from './books.mjs';
import { endlessIfRed, quick, RED, slowIfRed, writeModel } from './hostile-networks.mjs';
import { fixture, rawBody } from './pictures.mjs';
import { WORKERS } from './subject.mjs';
import { shown, Tally } from './tally.mjs';

/** @import { Context } from './context.mjs' */

export const hostile = {
  name: 'hostile',
  about: 'networks that take seconds or never end, a machine that is suspended, a server that is killed',
  run,
};

const WORKER_TIMEOUT_MS = 3000;
/** Rounds of an endless picture beside slow ones. */
const ROUNDS = 5;
const GOOD_CLIENTS = 4;

/** @param {Context} context */
async function run(context) {
  const { report } = context;
  await inTemporaryFolder(async (folder) => {
    for (const [id, file] of Object.entries({
      quick: quick(),
      slow: slowIfRed(1e6),
      endless: endlessIfRed(),
    }))
      writeModel(folder, id, file);
    const server = await context.start({
      MODEL_DIRS: folder,
      MENAGERIE_MODELS: 'quick,slow,endless',
      MENAGERIE_WORKER_TIMEOUT_MS: String(WORKER_TIMEOUT_MS),
      MENAGERIE_LOG_LEVEL: 'fatal',
    });
    const red = rawBody(RED);
    const client = server.client(GOOD_CLIENTS + 2);
    const [good, bad] = [new Tally(), new Tally()];
    const ask = async (/** @type {string} */ model, /** @type {Tally} */ tally) => {
      const reply = await client.classifyAnew(model, red);
      tally.add(`${model} ${outcomeOf(reply)}`);
      return reply.error === undefined;
    };
    const stopGood = keepAsking(GOOD_CLIENTS, () => ask('quick', good));
    for (let round = 0; round < ROUNDS; round++) {
      context.progress(`round ${round + 1} of ${ROUNDS}`);
      await Promise.all([ask('endless', bad), ask('slow', bad)]);
    }
    await stopGood();
    report.sent.push(
      `${ROUNDS} pictures that a network never ends with, and ${ROUNDS} slow ones, beside ${shown(good.total())} good ones`,
    );
    report.back.push(`good: ${good}`, `bad: ${bad}`);
    report.sameTally('good requests are all answered', good, new Tally([['quick 200', good.total()]]));
    report.sameTally(
      'endless ones fail, slow ones are answered',
      bad,
      new Tally([
        ['endless 503 worker_failed', ROUNDS],
        ['slow 200', ROUNDS],
      ]),
    ); // prettier-ignore

    await suspended(context, server, ask);
    client.close();
    await context.stop(server);
    await killed(context, folder);
  });
}

/**
 * The server and its workers are halted for longer than work may take.
 * @param {Context} context @param {import('./subject.mjs').Subject} server @param {(model: string, tally: Tally) => Promise<boolean>} ask
 */
async function suspended(context, server, ask) {
  const { report } = context;
  context.progress('suspended');
  const before = await server.lookUntil((metrics) => metrics.value('workers_alive') === WORKERS);
  const tally = new Tally();
  const asked = ask('slow', tally);
  await sleep(100);
  const all = [server.pid, ...server.children];
  for (const pid of all) process.kill(pid, 'SIGSTOP');
  await sleep(2 * WORKER_TIMEOUT_MS);
  for (const pid of all) process.kill(pid, 'SIGCONT');
  await asked;
  await ask('quick', tally);
  report.sameTally(
    'a suspended machine loses nothing',
    tally,
    new Tally([
      ['slow 200', 1],
      ['quick 200', 1],
    ]),
  ); // prettier-ignore
  const after = await server.look();
  const replaced = after.value('worker_replacements_total') - before.value('worker_replacements_total');
  report.equal('workers replaced by that', replaced, 0);
}

/** A server is killed while a worker computes without end. @param {Context} context @param {string} folder */
async function killed(context, folder) {
  const server = await context.start({
    MODEL_DIRS: folder,
    MENAGERIE_MODELS: 'quick,endless',
    MENAGERIE_LOG_LEVEL: 'fatal',
  });
  const client = server.client(1);
  void client.classify('endless', rawBody(fixture('rgb.jpg')));
  await server.lookUntil((metrics) => metrics.value('workers_busy') === 1);
  const orphans = server.children;
  server.kill('SIGKILL');
  await server.ended;
  client.close();
  for (let i = 0; i < 50 && orphans.some(statOf); i++) await sleep(100);
  context.report.none('workers that outlive a server that was killed', orphans.filter(statOf).map(String));
}
