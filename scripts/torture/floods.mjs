import { keepAsking } from '../shared/loops.mjs';
import { GoodClients } from './good-clients.mjs';
import { open } from './sockets.mjs';
import { shown } from './tally.mjs';

/** @import { Context } from './context.mjs' */

export const floods = {
  name: 'floods',
  about: 'bodies in one-byte chunks, and a log that nobody reads, stop nobody and take no memory',
  run,
};

const MODEL = 'lenet5';
const CONNECTIONS = 8;
/** One-byte chunks of each. */
const CHUNKS = 200_000;
const CHUNKS_AT_A_TIME = 10_000;
const GOOD_CLIENTS = 2;
const MARGIN_MIB = 200;
/** Requests to a server whose log is not read: a pipe holds some 400 lines. */
const UNREAD = 3000;

/** @param {Context} context */
async function run(context) {
  await chunks(context);
  await unread(context);
}

/** @param {Context} context */
async function chunks(context) {
  const { report } = context;
  const server = await context.start({ MENAGERIE_MODELS: MODEL });
  const before = server.memory;
  const good = new GoodClients(server, MODEL, GOOD_CLIENTS);
  const block = Buffer.from('1\r\nA\r\n'.repeat(CHUNKS_AT_A_TIME));
  const flood = async () => {
    const { socket } = await open(server.port);
    socket.write(
      `POST /classify?model=${MODEL} HTTP/1.1\r\nhost: x\r\ncontent-type: image/png\r\ntransfer-encoding: chunked\r\n\r\n`,
    );
    for (let sent = 0; sent < CHUNKS && socket.writable; sent += CHUNKS_AT_A_TIME) {
      if (!socket.write(block)) await new Promise((resolve) => socket.once('drain', resolve).once('close', resolve));
    }
    socket.destroy();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, flood));
  await good.stop();
  report.sent.push(
    `${CONNECTIONS} bodies of ${shown(CHUNKS)} one-byte chunks, beside ${shown(good.asked)} good requests`,
  );
  report.equal('good requests answered rightly', good.right, good.asked);
  report.memory('memory at its highest', before?.now, server.memory?.most, MARGIN_MIB);
  await context.stop(server);
}

/** @param {Context} context */
async function unread(context) {
  const { report } = context;
  const server = await context.start({ MENAGERIE_MODELS: MODEL, MENAGERIE_LOG_LEVEL: 'info' }, { unread: true });
  const client = server.client(4);
  let [asked, answered] = [0, 0];
  const stop = keepAsking(4, async () => {
    if (asked >= UNREAD) return false;
    asked++;
    const { status } = await client.get('/nothing', 'unmatched');
    if (status === 404) answered++;
    return true;
  });
  while (asked < UNREAD && server.running) await new Promise((resolve) => setTimeout(resolve, 100));
  await stop();
  client.close();
  report.sent.push(`${shown(asked)} requests to a server whose log nobody reads`);
  report.equal('all are answered', answered, UNREAD);
  await context.stop(server);
}
