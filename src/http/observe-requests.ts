import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { errorOf, routeOf } from './errors/error-handling.js';
import type { HttpEvents } from './exchange/events.js';
import { onResponseClose } from './exchange/response-close.js';

/** Routes that are polled every few seconds. They are logged at level `debug`. */
const POLLED = new Set(['/livez', '/readyz', '/metrics']);

/** Methods with their own series in the metrics; all others share one. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Writes one log line and updates the metrics for every request, including aborted ones. */
export function observeRequests(app: FastifyInstance, events: HttpEvents): void {
  app.addHook('onRequest', (request, reply, done) => {
    observeRequest(request, reply, events);
    done();
  });
}

/** The same for one request. */
export function observeRequest(request: FastifyRequest, reply: FastifyReply, events: HttpEvents): void {
  const started = performance.now();
  events.requestStarted();
  reply.header('x-request-id', request.id);
  onResponseClose(request.raw, reply.raw, () => {
    const route = routeOf(request);
    const aborted = !reply.raw.writableFinished;
    const status = aborted ? 499 : reply.statusCode;
    const ms = performance.now() - started;
    const method = METHODS.has(request.method) ? request.method : 'other';
    events.requestFinished(method, route, status, ms / 1000);
    // There is no query if the URL is invalid.
    const { query } = request;
    const model = typeof query === 'object' && query !== null && 'model' in query ? query.model : undefined;
    const error = errorOf(request);
    const line = {
      method: request.method,
      route,
      status,
      ms: Math.round(ms * 10) / 10,
      ...(typeof model === 'string' ? { model: model.slice(0, 64) } : {}),
      ...(error ? { code: error.code, reason: error.message } : {}),
      remote: request.ip,
    };
    request.log[status >= 500 ? 'warn' : POLLED.has(route) ? 'debug' : 'info'](line, 'request');
  });
}
