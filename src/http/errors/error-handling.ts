import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify';
import { MenagerieError } from '../../core/errors.js';
import { giveUpBody } from '../body/unread-body.js';
import type { HttpEvents } from '../exchange/events.js';
import { problemOf, typedError } from './problem.js';
import { STATUS } from './status.js';

/** Name of a request's route in logs and metrics. */
export function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? 'unmatched';
}

const errors = new WeakMap<FastifyRequest, MenagerieError>();

/** The error that a request was answered with, if it was. */
export function errorOf(request: FastifyRequest): MenagerieError | undefined {
  return errors.get(request);
}

/** Answers a request with a problem document. */
export function sendProblem(
  error: MenagerieError,
  request: FastifyRequest,
  reply: FastifyReply,
  events: HttpEvents,
): FastifyReply {
  const status = STATUS[error.code];
  errors.set(request, error);
  events.requestFailed(routeOf(request), error.code);
  if (status >= 500 && error.cause !== undefined)
    request.log.error({ err: error.cause, code: error.code }, error.message);
  if (error.retryAfterS !== undefined) reply.header('retry-after', error.retryAfterS);
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="menagerie"');
  // The rest of a body that came too slowly is not waited for.
  if (error.code === 'upload_timeout') giveUpBody(request.raw);
  // Serialised here: a reply's own schema is for its successes.
  const body = JSON.stringify(problemOf(error, request.id));
  return reply
    .code(status)
    .type('application/problem+json')
    .serializer((text: string) => text)
    .send(body);
}

/** Answers every error with a problem document, and methods that an address does not have with 405. */
export function installErrorHandling(app: FastifyInstance, events: HttpEvents): void {
  const send = (error: MenagerieError, request: FastifyRequest, reply: FastifyReply) =>
    sendProblem(error, request, reply, events);

  app.setErrorHandler((error, request, reply) => send(typedError(error), request, reply));

  const methods = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const known = methods.get(url) ?? new Set<string>();
    for (const name of [method].flat()) known.add(name.toUpperCase());
    methods.set(url, known);
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] as string;
    const allowed = [...methods].find(([pattern]) => matches(pattern, path))?.[1];
    if (!allowed)
      return send(new MenagerieError('not_found', `There is nothing at ${path.slice(0, MAX_QUOTED)}.`), request, reply);
    const names = [...allowed].sort().join(', ');
    reply.header('allow', names);
    return send(
      new MenagerieError('method_not_allowed', `${request.method} is not for this address; use ${names}.`),
      request,
      reply,
    );
  });
}

/** Whether a path is one of a route's pattern, in which `:name` stands for a segment. */
function matches(pattern: string, path: string): boolean {
  const segments = path.split('/');
  const parts = pattern.split('/');
  return parts.length === segments.length && parts.every((part, i) => part.startsWith(':') || part === segments[i]);
}

/** Faults that a reply names, and characters of what the client sent that it repeats. */
const MAX_FAULTS = 5;
const MAX_QUOTED = 64;

/** One sentence for the faults of a request's parameters, each naming the parameter and the rule; of many the first few. */
export function describeValidation(errors: readonly FastifySchemaValidationError[]): Error {
  const lines = errors.slice(0, MAX_FAULTS).map(({ instancePath, message, params }) => {
    const extra = (params as { additionalProperty?: string }).additionalProperty;
    if (extra !== undefined) return `there is no parameter "${extra.slice(0, MAX_QUOTED)}"`;
    const allowed = (params as { allowedValues?: unknown[] }).allowedValues;
    return `${instancePath.slice(1)} ${message}${allowed ? `: ${allowed.join(', ')}` : ''}`;
  });
  const more = errors.length > MAX_FAULTS ? `; and ${errors.length - MAX_FAULTS} more` : '';
  return new MenagerieError('invalid_request', `${lines.join('; ')}${more}.`);
}
