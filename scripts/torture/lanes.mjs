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
  about: 'lanes and readers that die with work in hand fail that alone, and are replaced',
  run,
};

const MODEL = 'cifar10-resnet20';
const CLIENTS = 8;
/** Questions at most until as many threads have died as are to, and questions after that. */
const [MOST_QUESTIONS, AFTERWARDS] = [20_000, 200];
/** Of lanes, and as many of readers. */
const MOST_DEATHS = 40;
const BATCH = 4;
/** Pictures that a reader has in hand at most. */
const READS = 2;
/** A question that meets so many dying threads in a row is not bad luck any more. */
const MOST_TRIES = 10;

/** @param {Context} context */
async function run(context) {
  const { report } = context;
  const folder = mkdtempSync(join(tmpdir(), 'menagerie-lanes-'));
  const file = join(folder, 'deaths');
  writeFileSync(file, '');
  const deathsOf = (/** @type {string} */ kind) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line === kind).length;
  const deaths = () => ({ lanes: deathsOf('lane'), readers: deathsOf('reader') });
  const fewest = () => Math.min(...Object.values(deaths()));
  try {
    const server = await context.start({
      MENAGERIE_MODELS: MODEL,
      // So that a lane has several answers in hand.
      MENAGERIE_BATCH: String(BATCH),
      // The deaths are expected; the log would be full of them.
      MENAGERIE_LOG_LEVEL: 'fatal',
      NODE_OPTIONS: `--import=${new URL('./mortal-threads.mjs', import.meta.url).href}`,
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
        context.progress(`${shown(++asked)} questions, ${fewest()} deaths of each`);
        return answer();
      });
    await askWhile(() => asked < MOST_QUESTIONS && fewest() < MOST_DEATHS);
    const died = fewest();
    const last = asked + AFTERWARDS;
    await askWhile(() => asked < last);
    client.close();

    report.sent.push(
      `${shown(seed)} requests by ${CLIENTS} clients: ${shown(asked)} questions, asked again while a thread failed them`,
    );
    report.back.push(
      `replies: ${server.books.seen}`,
      `questions answered ${tries}`,
      `lanes and readers that died: ${Object.values(deaths()).join(' and ')}`,
    );
    report.check('lanes and readers died', died >= MOST_DEATHS, `${died} of each`);
    const failed = server.books.seen.get('503 lane_failed');
    const { lanes, readers } = deaths();
    const most = lanes * BATCH + readers * READS;
    report.check('each failed what it had in hand', failed >= lanes + readers && failed <= most, `${failed} replies`);
    report.none('questions without the right answer in the end', wrong);
    report.equal('requests without a whole reply', server.books.unanswered.total(), 0);
    const others = server.books.seen.entries.filter(([outcome]) => !['200', '503 lane_failed'].includes(outcome));
    report.none(
      'replies but answers and lane_failed',
      others.map(([outcome, count]) => `${outcome}: ${count}`),
    );
    const after = await audit.close(report, { deaths: lanes, readerDeaths: readers });
    report.equal('copies of the model lost', after.value('instances_lost_total'), 0);
    await context.stop(server);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
