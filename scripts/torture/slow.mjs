import { setTimeout as sleep } from 'node:timers/promises';
import { Audit } from './audit.mjs';
import { GoodClients } from './good-clients.mjs';
import { formBody, GOLDEN, rawBody } from './pictures.mjs';
import { headOf, open, outcomeOfText } from './sockets.mjs';
import { shown, Tally } from './tally.mjs';

/** @import { Context } from './context.mjs' */
/** @import { Connection } from './sockets.mjs' */

export const slow = {
  name: 'slow',
  about: 'uploads that drip, stall, half-close or break off hold up nobody and leave nothing behind',
  run,
};

const EACH = 40;
const UPLOAD_TIMEOUT_MS = 10_000;
const DRIP_MS = 50;
const GOOD_CLIENTS = 4;
/** Whom the good requests ask and whom the bad ones, so that the server tells them apart. */
const GOOD = 'lenet5';
const BAD = 'cifar10-resnet20';

/** Sends a byte now and then until the other side has had enough. @param {Connection} connection */
async function drip({ socket }) {
  while (socket.writable) {
    socket.write('x');
    await sleep(DRIP_MS);
  }
}

const bodies = { 'as the body': rawBody(GOLDEN[BAD].bytes), 'in a form': formBody([GOLDEN[BAD].bytes]) };
const TIMED_OUT = '408 upload_timeout';

/**
 * What bad clients do when half of their body is sent, and what they see then. All are counted by the server.
 * @type {Record<string, { act: (connection: Connection) => void, sees: string, counted: string }>}
 */
const HALVES = {
  stalled: { act: () => {}, sees: TIMED_OUT, counted: TIMED_OUT },
  'half-closed': {
    act: ({ socket }) => socket.end(),
    sees: '400 malformed_request',
    counted: '499 client_closed_request',
  },
  reset: { act: ({ socket }) => socket.resetAndDestroy(), sees: 'nothing', counted: '499 client_closed_request' },
};

/** @param {Context} context */
async function run(context) {
  const { report } = context;
  const server = await context.start({
    MENAGERIE_MODELS: `${GOOD},${BAD}`,
    MENAGERIE_UPLOAD_TIMEOUT_MS: String(UPLOAD_TIMEOUT_MS),
  });
  const { books, port } = server;
  const audit = await Audit.begin(server);
  const good = new GoodClients(server, GOOD, GOOD_CLIENTS);

  /** @type {{ kind: string, connection: Connection, sees: string, counted: string | undefined }[]} */
  const bad = [];
  /** @type {(() => void)[]} */
  const acts = [];
  for (let i = 0; i < EACH; i++) {
    for (const [how, { type, bytes }] of Object.entries(bodies)) {
      for (const [kind, { act, sees, counted }] of Object.entries(HALVES)) {
        const connection = await open(port);
        connection.socket.write(headOf(`/classify?model=${BAD}`, { type, length: bytes.length }));
        connection.socket.write(bytes.subarray(0, bytes.length / 2));
        bad.push({ kind: `${kind} ${how}`, connection, sees, counted });
        acts.push(() => act(connection));
      }
    }
    const dripping = await open(port);
    dripping.socket.write(headOf(`/classify?model=${BAD}`, { type: 'image/png', length: 1_000_000 }));
    bad.push({ kind: 'dripping body', connection: dripping, sees: TIMED_OUT, counted: TIMED_OUT });
    for (const kind of ['unfinished head', 'dripping head']) {
      const connection = await open(port);
      connection.socket.write('POST /classify HTTP/1.1\r\nhost: x\r\nx-drip: ');
      bad.push({ kind, connection, sees: TIMED_OUT, counted: undefined });
    }
  }
  for (const { kind, connection } of bad) if (kind.startsWith('dripping')) void drip(connection);
  const uploads = bad.filter(({ counted }) => counted !== undefined).length;
  const taken = await server.lookUntil(
    (metrics) => metrics.value('classify_requests_total', { model: BAD }) === uploads,
  );
  for (const act of acts) act();
  context.progress(`${bad.length} bad clients`);

  const seen = new Tally();
  const expected = new Tally();
  for (const { kind, connection, sees, counted } of bad) {
    const outcome = outcomeOfText(await connection.ended);
    seen.add(`${kind}: ${outcome}`);
    expected.add(`${kind}: ${sees}`);
    if (counted === TIMED_OUT) {
      books.replies.add('POST /classify 408');
      books.errors.add('/classify upload_timeout');
    } else if (counted !== undefined) books.left('/classify');
    if (counted === undefined || kind.startsWith('half-closed')) books.unasked.add(outcome);
  }
  await good.stop();

  report.sent.push(
    `${bad.length} bad uploads, ${EACH} of each kind; beside them ${shown(good.asked)} good requests by ${GOOD_CLIENTS} clients`,
  );
  report.back.push(`good requests: ${books.seen}`, `bad uploads: ${seen}`);
  report.sameTally('bad uploads end as they should', seen, expected);
  report.sameTally('good requests are all answered', books.seen, new Tally([['200', good.asked]]));
  report.equal('good requests without a whole reply', books.unanswered.total(), 0);
  report.check(
    'uploads were in memory meanwhile',
    taken.value('upload_bytes') > 0,
    `${shown(taken.value('upload_bytes'))} bytes`,
  );
  report.back.push(`replies that the server does not count, since there was no request (any more): ${books.unasked}`);
  await audit.close(report);
  await context.stop(server);
}
