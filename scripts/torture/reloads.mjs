import { readFileSync } from 'node:fs';
import { Audit } from './audit.mjs';
import { outcomeOf } from './books.mjs';
import { GoodClients } from './good-clients.mjs';
import { watchHealth } from './health.mjs';
import { shown, Tally } from './tally.mjs';

/** @import { Context } from './context.mjs' */

export const reloads = {
  name: 'reloads',
  about: '50 reloads under load fail no request and leave no memory behind',
  run,
};

const MODEL = 'cifar10-vgg16';
const RELOADS = 50;
const CLIENTS = 4;
const KEY = 'the-key-of-the-torture';
/** Reloads that memory is looked at after: the lowest of each five, since garbage is collected now and then. */
const [EARLY, LATE, OF] = [10, RELOADS, 5];
/** Forty reloads whose networks stay in memory take 450; memory that is free and not given back to the system takes 100. */
const MARGIN_MIB = 200;

/** @param {Context} context */
async function run(context) {
  const { report } = context;
  const manifest = JSON.parse(readFileSync(new URL(`../../models/${MODEL}/manifest.json`, import.meta.url), 'utf8'));
  const versionOf = (/** @type {string} */ variant) => `${variant} ${manifest.variants[variant].sha256.slice(0, 12)}`;
  const server = await context.start({ MENAGERIE_MODELS: MODEL, MENAGERIE_ADMIN_KEY: KEY });
  const admin = server.client(1);
  const audit = await Audit.begin(server);
  const versions = new Tally();
  /** @type {string[]} */
  const wrong = [];
  const good = new GoodClients(server, MODEL, CLIENTS, (reply, right) => {
    if (right) {
      const { variant, version } = JSON.parse(reply.text).model;
      versions.add(`${variant} ${version}`);
    } else wrong.push(outcomeOf(reply));
  });

  const stopLooking = watchHealth(server);
  const loads = new Tally();
  /** @type {number[]} */
  const memory = [];
  let variant = 'fp32';
  for (let i = 1; i <= RELOADS; i++) {
    variant = i % 2 ? 'int8' : 'fp32';
    const path = `/models/${MODEL}/load?variant=${variant}`;
    const headers = { authorization: `Bearer ${KEY}` };
    loads.add(outcomeOf(await admin.ask({ path, route: '/models/:id/load', headers })));
    memory.push(server.memory?.now ?? Number.NaN);
    context.progress(`${i} of ${RELOADS} reloads, ${shown(good.asked)} pictures`);
  }
  await good.stop();
  admin.close();

  const lowest = (/** @type {number} */ last) => {
    const least = Math.min(...memory.slice(last - OF, last));
    return Number.isNaN(least) ? undefined : least;
  };
  report.sent.push(
    `${RELOADS} reloads of ${MODEL}, int8 and fp32 in turn, under ${shown(good.asked)} pictures by ${CLIENTS} clients`,
  );
  await stopLooking(report);
  report.back.push(`pictures and reloads: ${server.books.seen}`, `answers by variant and version: ${versions}`);
  report.sameTally('reloads that succeeded', loads, new Tally([['200', RELOADS]]));
  report.none('pictures without the right answer', wrong);
  report.equal('requests without a whole reply', server.books.unanswered.total(), 0);
  const known = ['fp32', 'int8'].map(versionOf);
  report.none(
    'answers by versions that there are not',
    versions.entries.map(([key]) => key).filter((key) => !known.includes(key)),
  );
  report.memory(
    `memory after reloads ${LATE - OF + 1} to ${LATE} against ${EARLY - OF + 1} to ${EARLY}`,
    lowest(EARLY),
    lowest(LATE),
    MARGIN_MIB,
  );
  const after = await audit.close(report);
  const serving = new Tally([[`${MODEL} ${versionOf(variant)}`, 1]]);
  report.sameTally(
    'the last version loaded is the one that is said to serve',
    after.by('model_info', 'model', 'variant', 'version'),
    serving,
  );
  const states = after.by('model_state', 'model', 'state');
  report.sameTally('the model is ready and nothing else', states, new Tally([[`${MODEL} ready`, 1]]));
  await context.stop(server);
}
