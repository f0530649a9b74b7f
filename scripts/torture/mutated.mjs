import { atATime } from '../shared/loops.mjs';
import { Audit } from './audit.mjs';
import { outcomeOf, resultsOf } from './books.mjs';
import { mutant } from './mutate.mjs';
import { fixture, fixtureNames, formBody, GOLDEN, isRight, rawBody } from './pictures.mjs';
import { shown } from './tally.mjs';

/** @import { Context } from './context.mjs' */

export const mutated = {
  name: 'mutated',
  about: 'damaged pictures are answered or refused, one by one',
  run,
};

const AT_A_TIME = 32;
const MOST_IN_FORM = 4;
/** @type {(keyof typeof GOLDEN)[]} */
const MODELS = ['lenet5', 'cifar10-resnet20'];
/** All that may be said of a damaged picture. */
const REFUSALS = new Set([
  'ok',
  'empty_body',
  'not_an_image',
  'unsupported_image_format',
  'corrupt_image',
  'memory_exceeded',
  'too_expensive',
  'too_many_pixels',
]);
/** Every decoded picture has 12 MB at most, and four are decoded at a time. */
const MAX_PIXELS = 4_000_000;
const PEAK_MARGIN_MIB = 400;

/** @param {Context} context */
async function run(context) {
  const { report, pictures: total } = context;
  const pictures = fixtureNames().map((name) => ({ name, bytes: fixture(name) }));
  const server = await context.start({ MENAGERIE_MODELS: MODELS.join(','), MENAGERIE_MAX_PIXELS: String(MAX_PIXELS) });
  const client = server.client(AT_A_TIME);
  const audit = await Audit.begin(server);
  const before = server.memory;
  /** @type {string[]} */
  const offences = [];
  let [done, raw] = [0, 0];

  /** Sends the pictures from one number to before another. @param {number} from @param {number} to @param {boolean} asForm */
  const send = async (from, to, asForm) => {
    const mutants = Array.from({ length: to - from }, (_, i) => mutant(pictures, context.random(from + i)));
    const files = mutants.map(({ bytes }) => bytes);
    const body = asForm ? formBody(files) : rawBody(files[0] ?? Buffer.alloc(0));
    const reply = await client.classify(MODELS[from % 2] ?? 'lenet5', body);
    const outcomes =
      reply.status === 200
        ? resultsOf(reply).map(({ error }) => error?.code ?? 'ok')
        : files.map(() => reply.code ?? outcomeOf(reply));
    for (const [i, outcome] of outcomes.entries()) {
      if (!REFUSALS.has(outcome)) offences.push(`picture ${from + i} (${mutants[i]?.recipe}): ${outcome}`);
    }
    done += files.length;
    context.progress(`${shown(done)} of ${shown(total)} pictures`);
  };
  let next = 0;
  await atATime(AT_A_TIME, () => {
    if (next >= total) return undefined;
    const from = next;
    // A stream of its own, beside those of the pictures.
    const shape = context.random(total + from);
    const asForm = shape.integer(2) === 0;
    next = Math.min(total, from + (asForm ? 1 + shape.integer(MOST_IN_FORM) : 1));
    if (!asForm) raw++;
    return send(from, next, asForm);
  });
  const after = server.memory;

  for (const model of MODELS) {
    const { bytes, index } = GOLDEN[model];
    report.check(
      `${model} answers a good picture rightly afterwards`,
      isRight(await client.classify(model, rawBody(bytes)), index),
      `class ${index}`,
    );
  }
  client.close();
  report.sent.push(
    `${shown(total)} pictures, each changed in 1 to 3 ways: ${shown(raw)} as the body, ${shown(total - raw)} in forms of ` +
      `1 to ${MOST_IN_FORM}; ${AT_A_TIME} requests at a time`,
  );
  report.back.push(`replies: ${server.books.seen}`, `pictures: ${server.books.pictures}`);
  report.none('replies or pictures with any other outcome than an answer or a refusal', offences);
  report.equal('requests without a whole reply', server.books.unanswered.total(), 0);
  report.memory('memory at its highest', before?.now, after?.most, PEAK_MARGIN_MIB);
  await audit.close(report);
  await context.stop(server);
}
