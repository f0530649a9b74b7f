import multipart from '@fastify/multipart';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Classifier } from '../serving/classifier.js';
import type { ModelRegistry } from '../serving/model-registry.js';
import type { ByteBudget } from './byte-budget.js';
import { describeValidation, installErrorHandling } from './error-handling.js';
import type { HttpEvents } from './events.js';
import { observeRequests } from './observe-requests.js';
import { openapi } from './openapi.js';
import { ProblemSchema } from './problem.js';
import { classifyRoute } from './routes/classify.js';
import { healthRoutes } from './routes/health.js';
import { modelRoutes } from './routes/models.js';

export interface AppOptions {
  classifier: Classifier;
  registry: ModelRegistry;
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
const REQUEST_ID = /^[\w.-]{1,64}$/;

/** Builds the HTTP service; nothing listens yet. */
export async function createApp(options: AppOptions): Promise<App> {
  const { registry, metrics, version, log, events } = options;
  let draining = false;
  let lastRequest = 0;
  const server = Fastify({
    loggerInstance: log,
    // observeRequests writes the one line of a request.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    requestIdHeader: false,
    genReqId: ({ headers }) => {
      const given = headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : `r${process.pid}-${++lastRequest}`;
    },
    requestTimeout: options.uploadTimeoutMs + REQUEST_TIMEOUT_MARGIN_MS,
    http: { headersTimeout: Math.min(HEADERS_TIMEOUT_MS, options.uploadTimeoutMs), connectionsCheckingInterval: 2_000 },
    // What arrives on open connections while the server stops is still answered, with `connection: close`.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    ajv: { customOptions: { removeAdditional: false, allErrors: true } },
    schemaErrorFormatter: describeValidation,
  }).withTypeProvider<TypeBoxTypeProvider>();

  server.addSchema(ProblemSchema);
  installErrorHandling(server, events);
  observeRequests(server, events);
  server.addHook('onRequest', async (_request, reply) => {
    if (draining) reply.header('connection', 'close');
  });

  server.removeAllContentTypeParsers();
  await server.register(multipart, { throwFileSizeLimit: false });
  // Pictures sent as the body are read by the route, piece by piece.
  server.addContentTypeParser(/^(image\/|application\/octet-stream$)/, (_request, payload, done) =>
    done(null, payload),
  );

  await openapi(server, version);
  await server.register(classifyRoute, options);
  await server.register(modelRoutes, { registry, adminKey: options.adminKey });
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
