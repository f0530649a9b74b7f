import { keepAsking, until } from '../shared/loops.mjs';
import { outcomeOf } from './books.mjs';
import { fixture, rawBody } from './pictures.mjs';
import { headOf, open, outcomeOfText } from './sockets.mjs';
import { shown, Tally } from './tally.mjs';

/** @import { Context } from './context.mjs' */

export const sigterm = {
  name: 'sigterm',
  about: 'SIGTERM under load loses nothing that was accepted',
  run,
};

const MODEL = 'lenet5';
const CLIENTS = 32;
/** Uploads that are half-way when the signal comes. */
const HALF_WAY = 8;
/** How long each server serves on after the signal. */
const DELAYS_MS = [0, 0, 0, 0, 300, 300];
/** Answers before the signal: at least so many, and up to so many more. */
const [ANSWERS, MORE] = [500, 500];

/** What clients and logs of all servers say. */
class Accounts {
  /** Status by request id: what the client got, and what the server's log says. @type {Map<string, string>} */
  got = new Map();
  /** @type {Map<string, string>} */
  logged = new Map();
  outcomes = new Tally();
  /** Requests without a reply, by reason. */
  none = new Tally();
  /** @type {string[]} */
  cut = [];
  ends = new Tally();
}

/** @param {Context} context */
async function run(context) {
  const { report } = context;
  const accounts = new Accounts();
  for (const [i, delay] of DELAYS_MS.entries()) {
    context.progress(`server ${i + 1} of ${DELAYS_MS.length}`);
    await stopOne(context, accounts, i, delay);
  }
  const { got, logged, outcomes, none, cut, ends } = accounts;
  report.sent.push(
    `SIGTERM to ${DELAYS_MS.length} servers under ${CLIENTS} clients on connections that are kept, with ${HALF_WAY} uploads half-way; ` +
      `${DELAYS_MS.filter((ms) => ms > 0).length} of them serve on for a while; ${shown(got.size + none.total())} requests`,
  );
  report.back.push(`replies: ${outcomes}`, `no reply, and none of it: ${none}`);
  report.only('replies but answers and shutting_down', outcomes, ['200', '503 shutting_down']);
  report.none('replies cut in the middle', cut);
  const lost = [...logged].filter(([id, status]) => got.get(id) !== status);
  report.none(
    'requests in the log that the client did not get answered so',
    lost.map(([id, status]) => `${id}: ${status}`),
  );
  const unknown = [...got].filter(([id]) => !logged.has(id));
  report.none(
    'replies that the log does not know',
    unknown.map(([id, status]) => `${id}: ${status}`),
  );
  report.equal('requests that the logs know, all answered', logged.size, got.size);
  report.sameTally('servers end in good order', ends, new Tally([['status 0, "stopped"', DELAYS_MS.length]]));
}

/**
 * Puts one server under load, stops it and enters what became of everything.
 * @param {Context} context @param {Accounts} accounts @param {number} round @param {number} delay
 */
async function stopOne(context, { got, logged, outcomes, none, cut, ends }, round, delay) {
  const server = await context.start({
    MENAGERIE_MODELS: MODEL,
    MENAGERIE_LOG_LEVEL: 'info',
    MENAGERIE_DRAIN_DELAY_MS: String(delay),
  });
  const bytes = fixture('rgb.png');
  const client = server.client(CLIENTS);
  let asked = 0;
  const enter = (/** @type {string} */ id, /** @type {string} */ outcome) => {
    got.set(id, outcome.split(' ')[0] ?? '');
    outcomes.add(outcome);
  };
  const stop = keepAsking(CLIENTS, async () => {
    const id = `round-${round}-${++asked}`;
    const reply = await client.classifyAnew(MODEL, rawBody(bytes), { 'x-request-id': id });
    if (reply.error === undefined) enter(id, outcomeOf(reply));
    else if (reply.begun) cut.push(`${id}: ${reply.error}`);
    else none.add(reply.error);
    return reply.error === undefined;
  });
  const uploads = await Promise.all(Array.from({ length: HALF_WAY }, () => open(server.port)));
  for (const [i, { socket }] of uploads.entries()) {
    socket.write(
      headOf(`/classify?model=${MODEL}`, { type: 'image/png', length: bytes.length, id: `half-${round}-${i}` }),
    );
    socket.write(bytes.subarray(0, bytes.length / 2));
  }
  const { replies } = server.books;
  const enough = ANSWERS + context.random(round).integer(MORE);
  await until(() => replies.get('POST /classify 200') >= enough, `${enough} answers`);
  const ending = server.stop();
  await until(() => server.log.some((line) => line.includes('"stopping"')), 'the server to say that it is stopping');
  for (const { socket } of uploads) socket.write(bytes.subarray(bytes.length / 2));
  for (const [i, { ended }] of uploads.entries()) enter(`half-${round}-${i}`, outcomeOfText(await ended));
  const status = await ending;
  await stop();
  client.close();
  for (const line of server.log) {
    const { msg, route, request_id: id, status } = JSON.parse(line);
    if (msg === 'request' && route === '/classify') logged.set(id, String(status));
  }
  ends.add(`status ${status}${server.log.some((line) => line.includes('"stopped"')) ? ', "stopped"' : ''}`);
}
