import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from '../../core/schema/typebox.js';
import { classificationJson, serverTiming } from './answer-json.js';
import {
  type AskedQuery,
  ClassifyQuerySchema,
  EnsembleQuerySchema,
  namesModels,
  questionOfQuery,
} from './question-query.js';
import { leaveBodies, PICTURES, type ReceiveOptions, receive } from './receive.js';
import { ClassificationSchema } from './schemas/answer-schemas.js';
import { problems } from './schemas/model-schemas.js';

/** POST and PUT /classify, POST and PUT /ensemble */
export const classifyRoutes: FastifyPluginAsyncTypebox<ReceiveOptions> = async (app, options) => {
  const shared = {
    tags: ['classify'],
    response: { 200: ClassificationSchema, ...problems(400, 404, 408, 409, 413, 415, 422, 503, 504) },
  };
  leaveBodies(app);

  // PUT, which `curl -T` sends, is the same: the description of the interface shows it once.
  for (const method of ['POST', 'PUT']) {
    const hide = method === 'PUT';
    app.route({
      method,
      url: '/classify',
      schema: {
        summary: 'Classify pictures',
        description: `By one network, or by a named ensemble. ${PICTURES}`,
        querystring: ClassifyQuerySchema,
        hide,
        ...shared,
      },
      handler: (request, reply) => answer(request, reply, ClassifyQuerySchema, options),
    });
    app.route({
      method,
      url: '/ensemble',
      schema: {
        summary: 'Classify pictures by several networks together',
        description: PICTURES,
        // The body may hold `models`.
        querystring: Type.Partial(EnsembleQuerySchema),
        hide,
        ...shared,
      },
      handler: (request, reply) => answer(request, reply, EnsembleQuerySchema, options),
    });
  }
};

/** Receives the pictures of a request and classifies them. */
async function answer(
  request: FastifyRequest<{ Querystring: AskedQuery }>,
  reply: FastifyReply,
  schema: typeof ClassifyQuerySchema | typeof EnsembleQuerySchema,
  options: ReceiveOptions,
) {
  const started = performance.now();
  const asking = { schema, known: namesModels(request.query), questionOf: questionOfQuery };
  return await receive(request, reply, asking, options, async ({ ticket, images, parameters }) => {
    const classification = await ticket.answer(images);
    reply.header('server-timing', serverTiming(classification.timings, performance.now() - started));
    const listing = { topK: parameters.top_k, minScore: parameters.min_score };
    return classificationJson(classification, listing, request.id);
  });
}
