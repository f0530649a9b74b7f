import { unrest } from './audit.mjs';
import { breakRequests, LOADED } from './broken-requests.mjs';
import { GoodClients } from './good-clients.mjs';
import { shown } from './tally.mjs';

/** @import { Context } from './context.mjs' */

export const aborts = {
  name: 'aborts',
  about: 'clients that leave at any moment of a request end nothing and leave nothing behind',
  run,
};

const GOOD_CLIENTS = 2;
const MODEL = 'cifar10-resnet20';
/** How often progress is said. */
const EVERY = 1000;
const MARGIN_MIB = 200;

/** @param {Context} context */
async function run(context) {
  const { report, aborts: count } = context;
  const server = await context.start({ MENAGERIE_MODELS: LOADED.join(',') });
  let alive = true;
  void server.ended.then(() => {
    alive = false;
  });
  const before = server.memory;
  const good = new GoodClients(server, MODEL, GOOD_CLIENTS);
  const goOn = (/** @type {number} */ done) => {
    if (done % EVERY === 0) context.progress(`${shown(done)} of ${shown(count)} requests broken off`);
    return alive;
  };
  const done = await breakRequests({ port: server.port, random: context.random(), count, goOn });
  await good.stop();

  report.sent.push(`${shown(count)} connections left in the middle: ${done}`);
  report.sent.push(`beside them ${shown(good.asked)} pictures by ${GOOD_CLIENTS} clients`);
  report.equal('connections', done.total(), count);
  report.equal('connections that the server neither answered nor closed', done.get('stuck'), 0);
  report.equal('good requests answered rightly', good.right, good.asked);
  report.none(
    'lines of the log that say of a fault',
    server.log.filter((line) => /"level":"(error|fatal)"|unhandled|internal/.test(line)),
  );
  const after = await server.lookUntil((metrics) => unrest(metrics).length === 0);
  report.none('gauges not back at rest', unrest(after));
  report.memory('memory', before?.now, server.memory?.now, MARGIN_MIB);
  await context.stop(server);
}
