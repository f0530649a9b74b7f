import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { MenagerieError } from '../../core/errors.js';
import type { Classifier } from '../../serving/classifier.js';
import type { Ticket } from '../../serving/ticket.js';
import type { ByteBudget } from '../body/memory/byte-budget.js';
import { declaredLength, mayHoldParameters, readBody } from '../body/read-body.js';
import { HOW_TO_SEND } from '../body/readers/body-reader.js';
import { watchRate } from '../body/upload-rate.js';
import { clientGone } from '../exchange/client-gone.js';
import { onResponseClose } from '../exchange/response-close.js';
import { classificationJson, serverTiming } from './answer-json.js';
import { allParameters } from './parameters.js';
import {
  type AskedQuery,
  type ClassifyQuery,
  ClassifyQuerySchema,
  EnsembleQuerySchema,
  namesModels,
  questionOfQuery,
} from './question-query.js';
import { ClassificationSchema } from './schemas/answer-schemas.js';
import { problems } from './schemas/model-schemas.js';

export interface ClassifyRouteOptions {
  classifier: Classifier;
  budget: ByteBudget;
  /** Most bytes of one picture. */
  maxBytes: number;
  /** Most pictures of one request. */
  maxImages: number;
  uploadTimeoutMs: number;
  deadlineMs: number;
}

/** A media type, with or without parameters (RFC 9110, 8.3.1). */
const MEDIA_TYPE = /^\s*[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(;|$)/;

const PICTURES =
  'Takes the bytes of a picture as the body, a form with pictures in `image` (or `images`, `image[]`, `file`, `data`), or JSON with ' +
  'base64 in `image` or `images`. Parameters may also be fields of the form or of the JSON. The body may have a Content-Encoding. ' +
  'PUT does the same as POST. ' +
  'The header Server-Timing states the time of decode, queue, preprocess and inference (sums over pictures, views and networks).';

/** POST and PUT /classify, POST and PUT /ensemble */
export const classifyRoutes: FastifyPluginAsyncTypebox<ClassifyRouteOptions> = async (app, options) => {
  const shared = {
    tags: ['classify'],
    response: { 200: ClassificationSchema, ...problems(400, 404, 408, 409, 413, 415, 422, 503, 504) },
  };
  // The route reads the body piece by piece, whatever type it has.
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  app.addHook('onRequest', async ({ headers }) => {
    // Fastify refuses a body whose type has no such form.
    if (!MEDIA_TYPE.test(headers['content-type'] ?? '')) delete headers['content-type'];
  });

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

/** Receives the pictures of a request and answers it. */
async function answer(
  request: FastifyRequest<{ Querystring: AskedQuery }>,
  reply: FastifyReply,
  schema: typeof ClassifyQuerySchema | typeof EnsembleQuerySchema,
  { classifier, budget, uploadTimeoutMs, ...limits }: ClassifyRouteOptions,
) {
  const started = performance.now();
  const ask = (ticket: Ticket, { timeout_ms: wanted = limits.deadlineMs, ...asked }: ClassifyQuery) =>
    ticket.ask(questionOfQuery(asked), Math.min(wanted, limits.deadlineMs));
  const ticket = classifier.open(uploadTimeoutMs);
  const account = budget.open({ address: request.ip, declared: declaredLength(request) });
  const unwatch = onResponseClose(request.raw, reply.raw, () => ticket.abort(clientGone()));
  try {
    // What can be refused is refused before the upload is read. The body cannot name other models than the URL.
    const known = namesModels(request.query) || !mayHoldParameters(request);
    const inUrl = known ? allParameters(request, new Map(), schema) : undefined;
    if (inUrl) await ask(ticket, inUrl);
    else await classifier.assertRoom(limits.deadlineMs);
    const unwatchRate = watchRate(request.raw.socket, uploadTimeoutMs, (error) => ticket.abort(error));
    const rules = { ...limits, parameterNames: new Set(Object.keys(schema.properties)), account };
    const { images, parameters } = await readBody(request, rules, ticket.signal).finally(unwatchRate);
    const all = inUrl && parameters.size === 0 ? inUrl : allParameters(request, parameters, schema);
    if (all !== inUrl) await ask(ticket, all);
    const classification = await ticket.answer(images).catch(withAdvice);
    reply.header('server-timing', serverTiming(classification.timings, performance.now() - started));
    return classificationJson(classification, { topK: all.top_k, minScore: all.min_score }, request.id);
  } finally {
    unwatch();
    account.close();
    ticket.close();
  }
}

/** Adds how to send a picture to the error for a body that holds none. */
function withAdvice(error: unknown): never {
  if (!(error instanceof MenagerieError) || error.code !== 'not_an_image') throw error;
  throw new MenagerieError(error.code, `${error.message} ${HOW_TO_SEND}`);
}
