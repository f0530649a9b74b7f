import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify';
import { MenagerieError } from '../../core/errors.js';
import { ACCEPTED_ENCODINGS } from '../body/content-encoding.js';
import { giveUpBody } from '../body/unread-body.js';
import type { HttpEvents } from '../exchange/events.js';
import { problemOf, typedError } from './problem.js';
import { STATUS } from './status.js';

/** The route of a request in logs and metrics: its pattern, or `unmatched`. */
export function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? 'unmatched';
}

const errors = new WeakMap<FastifyRequest, MenagerieError>();

/** The error that a request was answered with, if any. */
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
  if (error.code === 'unsupported_encoding') reply.header('accept-encoding', ACCEPTED_ENCODINGS);
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="menagerie"');
  // Do not wait for the rest of a body that arrives too slowly.
  if (error.code === 'upload_timeout') giveUpBody(request.raw);
  // Serialised here, because the schema of the route describes successful replies.
  const body = JSON.stringify(problemOf(error, request.id));
  return reply
    .code(status)
    .type('application/problem+json')
    .serializer((text: string) => text)
    .send(body);
}

/** Answers every error with a problem document, and methods that a path does not have with 405. */
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
  // As a hook, because Fastify looks at the body before it calls a handler for this.
  app.addHook('onRequest', (request, reply, done) => {
    if (!request.is404) return done();
    const path = pathOf(request);
    const allowed = [...methods].find(([pattern]) => matches(pattern, path))?.[1];
    if (!allowed) return void send(nothingAt(path), request, reply);
    const names = [...allowed].sort().join(', ');
    reply.header('allow', names);
    const detail = `This address does not support ${request.method}; use ${names}.`;
    send(new MenagerieError('method_not_allowed', detail), request, reply);
  });
  // For routes that find nothing themselves, such as the files of the documentation.
  app.setNotFoundHandler((request, reply) => send(nothingAt(pathOf(request)), request, reply));
}

function pathOf({ url }: FastifyRequest): string {
  return url.replace(/\?.*$/s, '');
}

function nothingAt(path: string): MenagerieError {
  return new MenagerieError('not_found', `There is nothing at ${path.slice(0, MAX_QUOTED)}.`);
}

/** Whether a path matches a route's pattern, in which `:name` stands for any segment. */
function matches(pattern: string, path: string): boolean {
  const segments = path.split('/');
  const parts = pattern.split('/');
  return parts.length === segments.length && parts.every((part, i) => part.startsWith(':') || part === segments[i]);
}

/** Most faults that a reply names. */
const MAX_FAULTS = 5;
/** Most characters of a client's text that a reply repeats. */
const MAX_QUOTED = 64;

/** One sentence about the faults of a request's parameters, which names each parameter and the rule; at most MAX_FAULTS of them. */
export function describeValidation(errors: readonly FastifySchemaValidationError[]): Error {
  const lines = errors.slice(0, MAX_FAULTS).map(({ instancePath, message, params }) => {
    const { additionalProperty: extra, missingProperty: missing, allowedValues: allowed } = params;
    if (typeof missing === 'string') return `the parameter "${missing}" is missing`;
    if (typeof extra === 'string') return `there is no parameter "${extra.slice(0, MAX_QUOTED)}"`;
    return `${instancePath.slice(1)} ${message}${Array.isArray(allowed) ? `: ${allowed.join(', ')}` : ''}`;
  });
  const more = errors.length > MAX_FAULTS ? `; and ${errors.length - MAX_FAULTS} more` : '';
  return new MenagerieError('invalid_request', `${lines.join('; ')}${more}.`);
}
