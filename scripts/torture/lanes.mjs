import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Audit } from './audit.mjs';
import { outcomeOf } from './books.mjs';
import { atATime } from './loops.mjs';
import { GOLDEN, isRight, rawBody } from './pictures.mjs';
import { shown, Tally } from './tally.mjs';

/** @import { Context } from './context.mjs' */

export const lanes = {
  name: 'lanes',
  about: 'lanes that die with answers in hand fail those answers alone, and are replaced',
  run,
};

const MODEL = 'cifar10-resnet20';
const CLIENTS = 8;
/** Questions at most until as many lanes have died as are to, and questions after that. */
const [MOST_QUESTIONS, AFTERWARDS] = [20_000, 200];
const MOST_DEATHS = 40;
const BATCH = 4;
/** A question that meets so many dying lanes in a row is not bad luck any more. */
const MOST_TRIES = 10;

/** @param {Context} context */
async function run(context) {
  const { report } = context;
  const folder = mkdtempSync(join(tmpdir(), 'menagerie-lanes-'));
  const file = join(folder, 'deaths');
  writeFileSync(file, '');
  const deaths = () => readFileSync(file, 'utf8').split('\n').length - 1;
  try {
    const server = await context.start({
      MENAGERIE_MODELS: MODEL,
      // So that a lane has several answers in hand.
      MENAGERIE_BATCH: String(BATCH),
      // The lanes' deaths are expected; the log would be full of them.
      MENAGERIE_LOG_LEVEL: 'fatal',
      NODE_OPTIONS: `--import=${new URL('./mortal-lanes.mjs', import.meta.url).href}`,
      TORTURE_DEATHS: file,
      TORTURE_MOST_DEATHS: String(MOST_DEATHS),
      TORTURE_SEED: String(context.random().integer(2 ** 31)),
    });
    const client = server.client(CLIENTS);
    const { bytes, index } = GOLDEN[MODEL];
    const body = rawBody(bytes);
    const audit = await Audit.begin(server);
    const [tries, wrong] = [new Tally(), /** @type {string[]} */ ([])];
    let [asked, seed] = [0, 0];
    const answer = async () => {
      for (let attempt = 1; ; attempt++) {
        const reply = await client.classify(MODEL, body, { query: `&seed=${seed++}` });
        if (reply.code === 'lane_failed' && attempt < MOST_TRIES) continue;
        tries.add(attempt === 1 ? 'the first time' : `after ${attempt - 1} more`);
        if (!isRight(reply, index)) wrong.push(outcomeOf(reply));
        return;
      }
    };
    const askWhile = (/** @type {() => boolean} */ wanted) =>
      atATime(CLIENTS, () => {
        if (!wanted()) return undefined;
        context.progress(`${shown(++asked)} questions, ${deaths()} deaths`);
        return answer();
      });
    await askWhile(() => asked < MOST_QUESTIONS && deaths() < MOST_DEATHS);
    const died = deaths();
    const last = asked + AFTERWARDS;
    await askWhile(() => asked < last);
    client.close();

    report.sent.push(
      `${shown(seed)} requests by ${CLIENTS} clients: ${shown(asked)} questions, asked again while a lane failed them`,
    );
    report.back.push(`replies: ${server.books.seen}`, `questions answered ${tries}`, `lanes that died: ${deaths()}`);
    report.check('lanes died', died >= MOST_DEATHS, `${died}`);
    const failed = server.books.seen.get('503 lane_failed');
    report.check('each failed a batch at most', failed >= died && failed <= died * BATCH, `${failed} replies`);
    report.none('questions without the right answer in the end', wrong);
    report.equal('requests without a whole reply', server.books.unanswered.total(), 0);
    const others = server.books.seen.entries.filter(([outcome]) => !['200', '503 lane_failed'].includes(outcome));
    report.none(
      'replies but answers and lane_failed',
      others.map(([outcome, count]) => `${outcome}: ${count}`),
    );
    const after = await audit.close(report, { deaths: deaths() });
    report.equal('copies of the model lost', after.value('instances_lost_total'), 0);
    await context.stop(server);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
