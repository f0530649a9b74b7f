import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { MenagerieError } from '../../../core/errors.js';
import { npyHeader } from '../../../core/features/npy.js';
import Type, { type Static } from '../../../core/schema/typebox.js';
import { countOf } from '../../../core/shape.js';
import type { PictureFeatures } from '../../../serving/answering/answerer.js';
import type { Target } from '../../../serving/asking/target.js';
import type { ServedModel } from '../../../serving/models/model.js';
import type { AnsweredPictures } from '../../../serving/ticket.js';
import { problemOf } from '../../errors/problem.js';
import { negotiatedForm } from '../../exchange/negotiate.js';
import { networkJson, serverTiming } from '../answer-json.js';
import { type FEATURE_FORMS, FeaturesQuerySchema, questionForFeatures } from '../question-query.js';
import { leaveBodies, PICTURES, type ReceiveOptions, receive } from '../receive.js';
import { FeaturesSchema } from '../schemas/feature-schemas.js';
import { ModelIdSchema, problems } from '../schemas/model-schemas.js';

type FeatureForm = (typeof FEATURE_FORMS)[number];

/** Media types by form. The first is the default if the client accepts any. */
const TYPES: ReadonlyMap<FeatureForm, string> = new Map([
  ['json', 'application/json'],
  ['npy', 'application/x-npy'],
  ['float32', 'application/octet-stream'],
]);
/** Most values of a reply. As text they take the thread that serves all requests ten times as long. */
const MOST_VALUES: Readonly<Record<FeatureForm, number>> = { json: 2 ** 17, npy: 2 ** 21, float32: 2 ** 21 };

const REPLY = {
  description: 'The features, in the form that was asked for',
  content: Object.fromEntries(
    [...TYPES].map(([form, type]) => [
      type,
      { schema: form === 'json' ? FeaturesSchema : Type.Unsafe<Buffer>({ type: 'string', format: 'binary' }) },
    ]),
  ),
};

/** POST and PUT /models/:id/features */
export const featureRoutes: FastifyPluginAsyncTypebox<ReceiveOptions> = async (app, options) => {
  leaveBodies(app);
  for (const method of ['POST', 'PUT']) {
    app.route({
      method,
      url: '/models/:id/features',
      schema: {
        summary: 'Features of pictures',
        description:
          'What a network computes before it tells classes: one vector for each picture, the mean over its views. ' +
          `${PICTURES} JSON, a .npy file (application/x-npy) with a row for each picture, or the same rows as little-endian ` +
          'float32 (application/octet-stream, sizes in the header Features-Shape), as `format` or the Accept header asks.',
        tags: ['classify'],
        params: Type.Object({ id: ModelIdSchema }),
        querystring: Type.Partial(FeaturesQuerySchema),
        hide: method === 'PUT',
        response: { 200: REPLY, ...problems(400, 404, 406, 408, 409, 413, 415, 422, 503, 504) },
      },
      handler: async (request, reply) => {
        const started = performance.now();
        negotiatedForm(request, request.query.format, TYPES);
        const { id } = request.params;
        const asking = {
          schema: FeaturesQuerySchema,
          known: true,
          questionOf: (query: Static<typeof FeaturesQuerySchema>) => questionForFeatures(id, query),
        };
        return await receive(request, reply, asking, options, async ({ ticket, images, parameters }) => {
          const form = negotiatedForm(request, parameters.format, TYPES);
          assertSmall(images.length * countOf(ticket.target.featureShape ?? []), form);
          const answered = await ticket.features(images);
          reply.header('server-timing', serverTiming(answered.timings, performance.now() - started));
          return form === 'json' ? featuresJson(answered, request) : sendRows(reply, form, answered);
        });
      },
    });
  }
};

/** @throws MenagerieError `answer_too_large` */
function assertSmall(values: number, form: FeatureForm): void {
  const most = MOST_VALUES[form];
  if (values <= most) return;
  const advice = form === 'json' ? ` As ${TYPES.get('npy')} it may have ${MOST_VALUES.npy}.` : '';
  throw new MenagerieError(
    'answer_too_large',
    `The answer would have ${values} values; in this form it may have ${most}.${advice} Send fewer pictures at a time.`,
  );
}

function featuresJson({ target, results }: AnsweredPictures<PictureFeatures>, { id }: FastifyRequest) {
  return {
    model: networkJson(networkOf(target)),
    shape: [...(target.featureShape ?? [])],
    results: results.map(({ name, ...result }) => ({
      ...(name === undefined ? {} : { name }),
      ...('error' in result ? { error: problemOf(result.error, id) } : pictureJson(result.answer)),
    })),
  };
}

function pictureJson({ width, height, format, counts, mean }: PictureFeatures) {
  const views = counts.length;
  return { width, height, format, ...(views > 1 ? { views } : {}), features: Array.from(mean) };
}

/**
 * Sends a row of float32 for each picture.
 * @throws MenagerieError the error of the first picture that has no row
 */
function sendRows(
  reply: FastifyReply,
  form: 'npy' | 'float32',
  { target, results }: AnsweredPictures<PictureFeatures>,
) {
  const rows = results.map((result, i) => {
    if (!('error' in result)) return new Uint8Array(result.answer.mean.buffer);
    const { code, message, cause } = result.error;
    throw new MenagerieError(code, `Picture ${i + 1}: ${message}`, { cause });
  });
  const shape = [results.length, ...(target.featureShape ?? [])];
  const head = form === 'npy' ? [npyHeader(shape)] : [];
  return reply
    .type(TYPES.get(form) ?? '')
    .headers({ 'features-shape': shape.join(','), 'features-version': networkOf(target).version })
    .send(Buffer.concat([...head, ...rows]));
}

function networkOf({ members: [member] }: Target): ServedModel {
  if (!member) throw new Error('no network answered');
  return member.model;
}
