import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Classifier } from '../../serving/classifier.js';
import { estimateJson } from './answer-json.js';
import { EstimateQuerySchema, questionOfQuery } from './question-query.js';
import { EstimateSchema } from './schemas/answer-schemas.js';
import { problems } from './schemas/model-schemas.js';

export interface EstimateRouteOptions {
  classifier: Classifier;
}

/** POST /estimate */
export const estimateRoutes: FastifyPluginAsyncTypebox<EstimateRouteOptions> = async (app, { classifier }) => {
  app.post(
    '/estimate',
    {
      schema: {
        summary: 'The cost of a request',
        description: 'Takes the parameters of /classify and /ensemble, but no pictures.',
        tags: ['classify'],
        querystring: EstimateQuerySchema,
        response: { 200: EstimateSchema, ...problems(400, 404, 409, 415, 503) },
      },
    },
    async ({ query }) => estimateJson(await classifier.estimate(questionOfQuery(query), query.images), query.images),
  );
};
