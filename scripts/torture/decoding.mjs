import { median } from '../../dist/core/median.js';
import { keepAsking } from '../shared/loops.mjs';
import { Audit } from './audit.mjs';
import { costlyPictures } from './costly-pictures.mjs';
import { fixture, rawBody } from './pictures.mjs';
import { shown, Tally } from './tally.mjs';

/** @import { Context } from './context.mjs' */

export const decoding = {
  name: 'decoding',
  about: 'pictures that are quick to send and slow to decode hold up nobody and keep to their memory',
  run,
};

const [BAD, GOOD] = ['cifar10-resnet20', 'lenet5'];
/** The largest that is allowed by default is 50 megapixels. */
const SIDE = 7000;
const AT_A_TIME = 8;
/** Answers of a good client alone, to compare with. */
const ALONE = 300;
/** A good client may wait so many times as long as alone. A lone answer takes a few milliseconds, so some are added. */
const [TIMES, MARGIN_MS] = [2, 20];
/** Answered, or refused for the memory or time that decoding would take. */
const OUTCOMES = ['200', 'memory_exceeded', 'overloaded'];
/** Of the server and its workers together. */
const MOST_MIB = 1024;

/** @param {Context} context */
async function run(context) {
  const { report } = context;
  const server = await context.start({ MENAGERIE_MODELS: `${BAD},${GOOD}` });
  const pictures = await costlyPictures(SIDE, (name) => context.progress(`making ${name}`));
  const audit = await Audit.begin(server);
  const client = server.client(AT_A_TIME);
  const goodClient = server.client(1);
  const small = rawBody(fixture('rgb.png'));
  /** @type {number[]} */
  let waits = [];
  const good = new Tally();
  const askGood = async () => {
    const asked = performance.now();
    const reply = await goodClient.classifyAnew(GOOD, small);
    waits.push(performance.now() - asked);
    good.add(String(reply.status));
    return reply.error === undefined;
  };
  for (let i = 0; i < ALONE; i++) await askGood();
  const alone = median(waits);
  report.back.push(`a good client alone waits ${alone.toFixed(1)} ms (median of ${ALONE})`);
  const outcomes = new Tally();
  for (const [name, bytes] of Object.entries(pictures)) {
    context.progress(name);
    waits = [];
    const stop = keepAsking(1, askGood);
    const body = rawBody(bytes);
    const replies = await Promise.all(Array.from({ length: AT_A_TIME }, () => client.classifyAnew(BAD, body)));
    await stop();
    for (const { status, code } of replies) outcomes.add(code ?? String(status));
    const beside = median(waits);
    report.check(
      `a good client beside ${AT_A_TIME} x ${name} of ${shown(bytes.length)} bytes`,
      beside <= TIMES * alone + MARGIN_MS,
      `${beside.toFixed(1)} ms, median of ${waits.length}; at most ${Math.max(...waits).toFixed(0)} ms`,
    );
  }
  client.close();
  goodClient.close();
  report.sent.push(
    `${outcomes.total()} pictures of ${SIDE} x ${SIDE} pixels, ${AT_A_TIME} at a time, of ${Object.keys(pictures).length} kinds`,
  );
  report.back.push(`replies: ${outcomes}; good client: ${good}`);
  report.only('replies but answers and refusals of what it costs', outcomes, OUTCOMES);
  report.sameTally('the good client is answered', good, new Tally([['200', good.total()]]));
  const { most } = server.memory ?? {};
  if (most === undefined) report.back.push('memory is not known here, since there is no /proc');
  else
    report.check('memory of the server and its workers at its highest', most <= MOST_MIB, `${most} MiB of ${MOST_MIB}`);
  await audit.close(report);
  await context.stop(server);
}
