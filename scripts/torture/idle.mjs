import { until } from '../shared/loops.mjs';
import { Audit } from './audit.mjs';
import { GoodClients } from './good-clients.mjs';
import { watchHealth } from './health.mjs';
import { openFilesLimit, openFilesOf } from './open-files.mjs';
import { open, outcomeOfText } from './sockets.mjs';
import { WORKERS } from './subject.mjs';
import { shown, Tally } from './tally.mjs';

/** @import { Context } from './context.mjs' */

export const idle = {
  name: 'idle',
  about: '1,000 idle connections keep nobody from being served, and are closed in time',
  run,
};

/** Connections that say nothing, that stop in the middle of a head, and that ask once and then stay. */
const COUNTS = { silent: 400, hesitant: 300, used: 300 };
const TOTAL = 1000;
/** Files and connections that a process has open besides. */
const OTHERS = 200;
const GOOD_CLIENTS = 4;
const MODEL = 'lenet5';
const MARGIN_MIB = 100;
const LIVEZ = 'GET /livez HTTP/1.1\r\nhost: x\r\n\r\n';

/** Asks on a bare connection, and waits for so many replies in all. @param {import('./sockets.mjs').Connection} connection */
async function askLivez({ socket, text }, replies = 1) {
  socket.write(LIVEZ);
  await until(() => okRepliesIn(text()) >= replies || !socket.writable, 'an idle connection to be answered');
}

/** @param {string} text */
const okRepliesIn = (text) => text.split('HTTP/1.1 200 OK').length - 1;

/** @param {Context} context */
async function run(context) {
  const { report } = context;
  const server = await context.start({ MENAGERIE_MODELS: MODEL });
  const limit = Math.min(openFilesLimit('self') ?? TOTAL + OTHERS, openFilesLimit(server.pid) ?? TOTAL + OTHERS);
  if (limit < TOTAL + OTHERS) {
    report.skipped = `a process may have ${limit} files open here; ${shown(TOTAL + OTHERS)} are needed (ulimit -n)`;
    return;
  }
  const { books } = server;
  // What counted the networks' operations has pipes, too, and ends by itself.
  await until(() => server.children.length <= WORKERS, 'only workers to be left');
  const audit = await Audit.begin(server);
  const before = { files: openFilesOf(server.pid), memory: server.memory };

  const connections = await Promise.all(Array.from({ length: TOTAL }, () => open(server.port)));
  const silent = connections.slice(0, COUNTS.silent);
  const hesitant = connections.slice(COUNTS.silent, COUNTS.silent + COUNTS.hesitant);
  const used = connections.slice(-COUNTS.used);
  for (const { socket } of hesitant) socket.write('POST /classify HTTP/1.1\r\nhost: x\r\ncontent-le');
  await Promise.all(used.map((connection) => askLivez(connection)));
  const most = { files: openFilesOf(server.pid), memory: server.memory };

  const stopLooking = watchHealth(server);
  const good = new GoodClients(server, MODEL, GOOD_CLIENTS);
  context.progress('waiting for the server to close them');
  for (const { ended } of [...silent, ...hesitant]) books.unasked.add(outcomeOfText(await ended));
  await good.stop();
  await Promise.all(used.map((connection) => askLivez(connection, 2)));
  const twice = used.filter(({ text }) => okRepliesIn(text()) === 2).length;
  for (const { socket } of used) socket.end();
  await Promise.all(used.map(({ ended }) => ended));

  report.sent.push(
    `${shown(TOTAL)} connections: ${COUNTS.silent} silent, ${COUNTS.hesitant} with half a head, ${COUNTS.used} used once; ` +
      `beside them ${shown(good.asked)} pictures by ${GOOD_CLIENTS} clients`,
  );
  await stopLooking(report);
  books.replies.add('GET /livez 200', 2 * COUNTS.used);
  report.back.push(`pictures: ${books.seen}`, `idle connections, before there was a request: ${books.unasked}`);
  report.sameTally('pictures are all answered', books.seen, new Tally([['200', good.asked]]));
  report.equal('requests without a whole reply', books.unanswered.total(), 0);
  const closed = new Tally([['408 upload_timeout', COUNTS.silent + COUNTS.hesitant]]);
  report.sameTally('what was never asked on is closed in time', books.unasked, closed);
  report.equal('connections used once that answer a second time', twice, COUNTS.used);
  report.memory('memory with all of them open', before.memory?.now, most.memory?.now, MARGIN_MIB);
  await audit.close(report);
  checkFiles(context, before.files, most.files, openFilesOf(server.pid));
  await context.stop(server);
}

/** @param {Context} context @param {number | undefined} before @param {number | undefined} most @param {number | undefined} after */
function checkFiles({ report }, before, most, after) {
  if (before === undefined || most === undefined || after === undefined) {
    report.back.push('connections that the server had open: not known here, since there is no /proc');
    return;
  }
  report.equal('connections that the server had open at once', most - before, TOTAL);
  report.equal('connections that are left afterwards', after - before, 0);
}
