import multipart from '@fastify/multipart';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Classifier } from '../serving/classifier.js';
import type { ModelRegistry } from '../serving/loading/model-registry.js';
import type { Summaries } from '../serving/summaries.js';
import type { ByteBudget } from './body/byte-budget.js';
import { closesUnread } from './body/unread-body.js';
import { followConnections } from './connections.js';
import { refuseMalformed } from './errors/connection-errors.js';
import { describeValidation, installErrorHandling, sendProblem } from './errors/error-handling.js';
import { ProblemSchema, typedError } from './errors/problem.js';
import type { HttpEvents } from './exchange/events.js';
import { healthRoutes } from './health.js';
import { observeRequest, observeRequests } from './observe-requests.js';
import { openapi } from './openapi.js';
import { classifyRoutes } from './rest/classify.js';
import { modelRoutes } from './rest/models.js';
import { summaryRoutes } from './rest/summary.js';

export interface AppOptions {
  classifier: Classifier;
  registry: ModelRegistry;
  summaries: Summaries;
  budget: ByteBudget;
  events: HttpEvents;
  metrics(): Promise<{ contentType: string; body: string }>;
  log: FastifyBaseLogger;
  version: string;
  maxBytes: number;
  maxImages: number;
  uploadTimeoutMs: number;
  deadlineMs: number;
  adminKey: string | undefined;
}

/** The HTTP service. */
export interface App {
  server: FastifyInstance;
  /** From now on /readyz says no and every reply asks the client to close its connection; requests are still served. */
  startDraining(): void;
}

/** Time for the headers of a request to arrive. */
const HEADERS_TIMEOUT_MS = 10_000;
/** The server's own limit comes after the route's, which can answer properly. */
const REQUEST_TIMEOUT_MARGIN_MS = 5_000;
/** What is left of a refused upload is read away for so long, and so far beyond the largest that is taken. */
const UNREAD_TIMEOUT_MS = 10_000;
const UNREAD_MARGIN = 16 * 1024 * 1024;
const REQUEST_ID = /^[\w.-]{1,64}$/;

/** Builds the HTTP service; nothing listens yet. */
export async function createApp(options: AppOptions): Promise<App> {
  const { registry, metrics, version, log, events } = options;
  const unread = { bytes: options.maxImages * options.maxBytes + UNREAD_MARGIN, ms: UNREAD_TIMEOUT_MS };
  let draining = false;
  let lastRequest = 0;
  const newId = () => `r${process.pid}-${++lastRequest}`;
  const server = Fastify({
    loggerInstance: log,
    // observeRequests writes the one line of a request.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    requestIdHeader: false,
    genReqId: ({ headers }) => {
      const given = headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : newId();
    },
    requestTimeout: options.uploadTimeoutMs + REQUEST_TIMEOUT_MARGIN_MS,
    http: { headersTimeout: Math.min(HEADERS_TIMEOUT_MS, options.uploadTimeoutMs), connectionsCheckingInterval: 2_000 },
    // What arrives on open connections while the server stops is still answered, with `connection: close`.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    ajv: { customOptions: { removeAdditional: false, allErrors: true } },
    schemaErrorFormatter: describeValidation,
    // Errors that come before there is a route, or a request at all.
    frameworkErrors: (error, request, reply) => {
      observeRequest(request, reply, events);
      sendProblem(typedError(error), request, reply, events);
    },
    clientErrorHandler: refuseMalformed(log, newId, events, unread),
  }).withTypeProvider<TypeBoxTypeProvider>();

  server.addSchema(ProblemSchema);
  installErrorHandling(server, events);
  observeRequests(server, events);
  const connections = followConnections(server.server, unread);
  // When it is answered, not when it comes: a request that was there before must not keep its connection either. Whatever was
  // sent behind it without waiting is still answered.
  server.addHook('onSend', async (request, reply) => {
    if (closesUnread(request.raw, unread) || (draining && connections.isNewest(request.raw))) {
      reply.header('connection', 'close');
    }
  });
  server.addHook('preClose', async () => connections.closeUnused());

  server.removeAllContentTypeParsers();
  await server.register(multipart, { throwFileSizeLimit: false });
  // Pictures sent as the body are read by the route, piece by piece.
  server.addContentTypeParser(/^(image\/|application\/octet-stream(;|$))/, (_request, payload, done) =>
    done(null, payload),
  );

  await openapi(server, version);
  await server.register(classifyRoutes, options);
  await server.register(modelRoutes, { registry, adminKey: options.adminKey });
  await server.register(summaryRoutes, { summaries: options.summaries });
  await server.register(healthRoutes, {
    metrics,
    readiness: () => {
      if (draining) return { ready: false, reason: 'the server is stopping' };
      return registry.ready ? { ready: true } : { ready: false, reason: 'not every model is ready; see GET /models' };
    },
  });
  return {
    server,
    startDraining: () => {
      draining = true;
    },
  };
}
