import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { MenagerieError } from '../../core/errors.js';
import type { Static, TObject } from '../../core/schema/typebox.js';
import type { Question } from '../../serving/asking/question.js';
import type { Classifier } from '../../serving/classifier.js';
import type { ImageFile, Ticket } from '../../serving/ticket.js';
import type { ByteBudget } from '../body/memory/byte-budget.js';
import { declaredLength, mayHoldParameters, readBody } from '../body/read-body.js';
import { HOW_TO_SEND } from '../body/readers/body-reader.js';
import { watchRate } from '../body/upload-rate.js';
import { clientGone } from '../exchange/client-gone.js';
import { onResponseClose } from '../exchange/response-close.js';
import { allParameters } from './parameters.js';

export interface ReceiveOptions {
  classifier: Classifier;
  budget: ByteBudget;
  /** Most bytes of one picture. */
  maxBytes: number;
  /** Most pictures of one request. */
  maxImages: number;
  uploadTimeoutMs: number;
  deadlineMs: number;
}

/** What the parameters of a route mean. */
export interface Asking<S extends TObject> {
  schema: S;
  /** Whether the URL says which models are asked; else the body may. */
  known: boolean;
  /** @throws MenagerieError `invalid_request` */
  questionOf(parameters: Static<S>): Question;
}

/** The pictures of a request, and the ticket that answers them. */
export interface Received<S extends TObject> {
  ticket: Ticket;
  images: readonly ImageFile[];
  parameters: Static<S>;
}

/** How pictures are sent, for the description of a route. */
export const PICTURES =
  'Takes the bytes of a picture as the body, a form with pictures in `image` (or `images`, `image[]`, `file`, `data`), or JSON with ' +
  'base64 in `image` or `images`. Parameters may also be fields of the form or of the JSON. The body may have a Content-Encoding. ' +
  'PUT does the same as POST. ' +
  'The header Server-Timing states the time of decode, queue, preprocess and inference (sums over pictures, views and networks).';

/** A media type, with or without parameters (RFC 9110, 8.3.1). */
const MEDIA_TYPE = /^\s*[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(;|$)/;

/** Leaves the bodies of these routes to `receive`, which reads them piece by piece, whatever type they have. */
export function leaveBodies(app: FastifyInstance): void {
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  app.addHook('onRequest', ({ headers }, _reply, done) => {
    // Fastify refuses a body whose type has no such form.
    if (!MEDIA_TYPE.test(headers['content-type'] ?? '')) delete headers['content-type'];
    done();
  });
}

/**
 * Receives the pictures of a request and answers it. All that the request holds is released at the end.
 * @param answer answers with the ticket, which has been asked the question
 */
export async function receive<S extends TObject, R>(
  request: FastifyRequest,
  reply: FastifyReply,
  { schema, known, questionOf }: Asking<S>,
  { classifier, budget, uploadTimeoutMs, ...limits }: ReceiveOptions,
  answer: (received: Received<S>) => Promise<R>,
): Promise<R> {
  const ask = (ticket: Ticket, parameters: Static<S>) => {
    const { timeout_ms: wanted } = parameters;
    const deadlineMs = typeof wanted === 'number' ? Math.min(wanted, limits.deadlineMs) : limits.deadlineMs;
    return ticket.ask(questionOf(parameters), deadlineMs);
  };
  const ticket = classifier.open(uploadTimeoutMs);
  const account = budget.open({ address: request.ip, declared: declaredLength(request) });
  const unwatch = onResponseClose(request.raw, reply.raw, () => ticket.abort(clientGone()));
  try {
    // What can be refused is refused before the upload is read. A body without parameters cannot name models.
    const inUrl = known || !mayHoldParameters(request) ? allParameters(request, new Map(), schema) : undefined;
    if (inUrl) await ask(ticket, inUrl);
    else await classifier.assertRoom(limits.deadlineMs);
    const unwatchRate = watchRate(request.raw.socket, uploadTimeoutMs, (error) => ticket.abort(error));
    const rules = { ...limits, parameterNames: new Set(Object.keys(schema.properties)), account };
    const { images, parameters: inBody } = await readBody(request, rules, ticket.signal).finally(unwatchRate);
    const parameters = inUrl && inBody.size === 0 ? inUrl : allParameters(request, inBody, schema);
    if (parameters !== inUrl) await ask(ticket, parameters);
    return await answer({ ticket, images, parameters }).catch(withAdvice);
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
