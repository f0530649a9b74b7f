import { atATime } from '../shared/loops.mjs';
import { Audit } from './audit.mjs';
import { BOMBS, blackPng } from './bomb-pictures.mjs';
import { outcomeOf } from './books.mjs';
import { formBody, GOLDEN, isRight, rawBody } from './pictures.mjs';
import { shown, Tally } from './tally.mjs';

/** @import { Context } from './context.mjs' */
/** @import { Body } from './pictures.mjs' */

export const bombs = {
  name: 'bombs',
  about: 'pictures that claim too many pixels are refused before they are decoded, and take no memory',
  run,
};

const MODEL = 'lenet5';
const AT_A_TIME = 64;
const [ROUNDS, FORMS, BLACK] = [50, 20, 64];
const MAX_PIXELS = 10_000_000;
/** The largest square that is allowed, and the next one. */
const [WITHIN, BEYOND] = [3162, 3163];
/** What was refused must not have been decoded: one such picture would be more than this. */
const CLAIMED_MARGIN_MIB = 100;
/** A decoded picture is 30 MB, twice while it is copied, and four are decoded at a time. With sixty-four it was 3200. */
const REAL_MARGIN_MIB = 1000;

/** @param {Context} context */
async function run(context) {
  const { report } = context;
  const server = await context.start({ MENAGERIE_MODELS: MODEL, MENAGERIE_MAX_PIXELS: String(MAX_PIXELS) });
  const client = server.client(AT_A_TIME);
  const audit = await Audit.begin(server);
  let asked = 0;

  /** Sends bodies, all at once as far as there are connections. @param {Body[]} bodies */
  const send = async (bodies) => {
    const outcomes = new Tally();
    await atATime(AT_A_TIME, () => {
      const body = bodies.shift();
      return (
        body &&
        client.classifyAnew(MODEL, body).then((reply) => {
          outcomes.add(outcomeOf(reply));
          context.progress(`${shown(++asked)} requests`);
        })
      );
    });
    return outcomes;
  };
  const repeated = (/** @type {number} */ times, /** @type {Body[]} */ bodies) =>
    Array.from({ length: times }, () => bodies).flat();

  const before = server.memory;
  const claimed = await send(repeated(ROUNDS, BOMBS.map(rawBody)));
  const inForms = await send(repeated(FORMS, [formBody(BOMBS)]));
  const beyond = await send(repeated(BLACK, [rawBody(blackPng(BEYOND, BEYOND))]));
  const refused = server.memory;
  const within = await send(repeated(BLACK, [rawBody(blackPng(WITHIN, WITHIN))]));
  const after = server.memory;
  const { bytes, index } = GOLDEN[MODEL];
  const good = await client.classify(MODEL, rawBody(bytes));
  client.close();

  const [lies, forms] = [ROUNDS * BOMBS.length, FORMS * BOMBS.length];
  report.sent.push(
    `${shown(lies)} files whose headers claim 100 megapixels to a million of them (PNG, GIF, JPEG, WebP, TIFF, AVIF)`,
    `${shown(forms)} more of them in ${FORMS} forms`,
    `${BLACK} black PNGs of a kilobyte with ${BEYOND} x ${BEYOND} pixels, ${BLACK} with ${WITHIN} x ${WITHIN}; the limit is ` +
      `${shown(MAX_PIXELS)}; ${AT_A_TIME} requests at a time`,
  );
  report.back.push(`replies: ${server.books.seen}`, `pictures: ${server.books.pictures}`);
  report.sameTally('lying headers are refused', claimed, new Tally([['413 too_many_pixels', lies]]));
  report.sameTally('forms of them are answered', inForms, new Tally([['200', FORMS]]));
  report.equal('pictures refused in all', server.books.pictures.get(`${MODEL} too_many_pixels`), lies + forms + BLACK);
  report.sameTally(
    'true pictures just beyond the limit are refused',
    beyond,
    new Tally([['413 too_many_pixels', BLACK]]),
  );
  report.sameTally('true pictures just within it are answered', within, new Tally([['200', BLACK]]));
  report.check('a good picture is answered rightly afterwards', isRight(good, index), `class ${index}`);
  report.memory('memory at its highest while refusing', before?.now, refused?.most, CLAIMED_MARGIN_MIB);
  report.memory('memory at its highest while decoding', before?.now, after?.most, REAL_MARGIN_MIB);
  await audit.close(report);
  await context.stop(server);
}
