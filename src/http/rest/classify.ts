import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { MenagerieError } from '../../core/errors.js';
import type { Question } from '../../serving/asking/question.js';
import type { Classifier } from '../../serving/classifier.js';
import type { ByteBudget } from '../body/byte-budget.js';
import { declaredLength, readImages, type UploadLimits } from '../body/upload.js';
import { LEAST_RATE, watchRate } from '../body/upload-rate.js';
import { clientGone } from '../exchange/client-gone.js';
import { onResponseClose } from '../exchange/response-close.js';
import { classificationJson, estimateJson, serverTiming } from './answer-json.js';
import { ClassificationSchema, EstimateSchema } from './answer-schemas.js';
import { ClassifyQuerySchema, EnsembleQuerySchema, EstimateQuerySchema, questionOfQuery } from './question-query.js';
import { problems } from './schemas.js';

export interface ClassifyRouteOptions extends UploadLimits {
  classifier: Classifier;
  budget: ByteBudget;
  uploadTimeoutMs: number;
  deadlineMs: number;
}

/** The upload rate is averaged over uploadTimeoutMs divided by this. */
const RATE_WINDOWS = 6;

const PICTURES =
  'Takes a form with one or more files in the field `image`, or the bytes of one picture as the body. ' +
  'The header Server-Timing states the time of decode, queue, preprocess and inference (sums over pictures, views and networks).';

/** POST /classify, POST /ensemble, POST /estimate */
export const classifyRoutes: FastifyPluginAsyncTypebox<ClassifyRouteOptions> = async (app, options) => {
  const tags = ['classify'];
  const consumes = ['multipart/form-data', 'image/*', 'application/octet-stream'];
  const response = { 200: ClassificationSchema, ...problems(400, 404, 408, 409, 413, 415, 422, 503, 504) };

  app.post(
    '/classify',
    {
      schema: {
        summary: 'Classify pictures',
        description: `By one network, or by a named ensemble. ${PICTURES}`,
        tags,
        consumes,
        querystring: ClassifyQuerySchema,
        response,
      },
    },
    (request, reply) => answer(request, reply, questionOfQuery(request.query), request.query, options),
  );

  app.post(
    '/ensemble',
    {
      schema: {
        summary: 'Classify pictures by several networks together',
        description: PICTURES,
        tags,
        consumes,
        querystring: EnsembleQuerySchema,
        response,
      },
    },
    (request, reply) => answer(request, reply, questionOfQuery(request.query), request.query, options),
  );

  app.post(
    '/estimate',
    {
      schema: {
        summary: 'The cost of a request',
        description: 'Takes the parameters of /classify and /ensemble, but no pictures.',
        tags,
        querystring: EstimateQuerySchema,
        response: { 200: EstimateSchema, ...problems(400, 404, 409, 503) },
      },
    },
    async ({ query }) => {
      const estimate = await options.classifier.estimate(questionOfQuery(query), query.images);
      return estimateJson(estimate, query.images);
    },
  );
};

interface AnswerQuery {
  top_k: number;
  min_score: number;
  timeout_ms?: number;
}

/** Receives the pictures of a request and answers it. */
async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  question: Question,
  { top_k: topK, min_score: minScore, timeout_ms: wanted }: AnswerQuery,
  { classifier, budget, uploadTimeoutMs, ...options }: ClassifyRouteOptions,
) {
  const started = performance.now();
  const deadlineMs = Math.min(wanted ?? options.deadlineMs, options.deadlineMs);
  const ticket = await classifier.admit(question, { uploadMs: uploadTimeoutMs, deadlineMs });
  const account = budget.open({ address: request.ip, declared: declaredLength(request) });
  const unwatch = onResponseClose(request.raw, reply.raw, () => ticket.abort(clientGone()));
  const windowMs = uploadTimeoutMs / RATE_WINDOWS;
  const unwatchRate = watchRate(request.raw.socket, windowMs, () => ticket.abort(tooSlow(windowMs)));
  try {
    const images = await readImages(request, options, account, ticket.signal).finally(unwatchRate);
    const classification = await ticket.answer(images);
    reply.header('server-timing', serverTiming(classification.timings, performance.now() - started));
    return classificationJson(classification, { topK, minScore }, request.id);
  } finally {
    unwatch();
    account.close();
    ticket.close();
  }
}

function tooSlow(windowMs: number): MenagerieError {
  return new MenagerieError(
    'upload_timeout',
    `The body arrived too slowly: less than ${LEAST_RATE} bytes a second over ${Math.round(windowMs)} ms.`,
  );
}
