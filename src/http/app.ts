import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Classifier } from '../serving/classifier.js';
import type { ModelRegistry } from '../serving/loading/model-registry.js';
import type { Summaries } from '../serving/summaries.js';
import type { JobQueue } from '../training/jobs/job-queue.js';
import type { JobStore } from '../training/jobs/job-store.js';
import type { ByteBudget } from './body/memory/byte-budget.js';
import { closesUnread } from './body/unread-body.js';
import { followConnections } from './connections.js';
import { refuseMalformed } from './errors/connection-errors.js';
import { describeValidation, installErrorHandling, sendProblem } from './errors/error-handling.js';
import { ProblemSchema, typedError } from './errors/problem.js';
import type { HttpEvents } from './exchange/events.js';
import { refuseOddRequests } from './front-door.js';
import { healthRoutes } from './health.js';
import { observeRequest, observeRequests } from './observe-requests.js';
import { openapi } from './openapi.js';
import { classifyRoutes } from './rest/classify.js';
import { estimateRoutes } from './rest/estimate.js';
import { featureRoutes } from './rest/features/features.js';
import { modelChangeRoutes } from './rest/models/model-changes.js';
import { modelRoutes } from './rest/models/models.js';
import { startTransferRoute } from './rest/start-transfer.js';
import { summaryRoutes } from './rest/summary.js';
import { transferRoutes } from './rest/transfers.js';

export interface AppOptions {
  classifier: Classifier;
  registry: ModelRegistry;
  summaries: Summaries;
  jobs: JobQueue;
  store: JobStore;
  budget: ByteBudget;
  events: HttpEvents;
  metrics(): Promise<{ contentType: string; body: string }>;
  log: FastifyBaseLogger;
  version: string;
  maxBytes: number;
  maxImages: number;
  uploadTimeoutMs: number;
  keepAliveMs: number;
  deadlineMs: number;
  adminKey: string | undefined;
  dataDir: string;
  trainingBytes: number;
  trainingTimeoutMs: number;
  /** Addresses and networks of proxies whose X-Forwarded-For header is believed. */
  trustedProxies: readonly string[];
}

/** The HTTP service. */
export interface App {
  server: FastifyInstance;
  /** From now on /readyz answers 503 and every reply asks the client to close its connection. Requests are still served. */
  startDraining(): void;
}

/** Time for the headers of a request to arrive. */
const HEADERS_TIMEOUT_MS = 10_000;
/** The server's own limit is this much longer than the route's, which can send a better reply. */
const REQUEST_TIMEOUT_MARGIN_MS = 5_000;
/** The rest of a refused upload is read and dropped for this time, and up to this many bytes beyond the largest valid upload. */
const UNREAD_TIMEOUT_MS = 10_000;
const UNREAD_MARGIN = 16 * 1024 * 1024;
const REQUEST_ID = /^[\w.-]{1,64}$/;

/** Builds the HTTP service, without listening. */
export async function createApp(options: AppOptions): Promise<App> {
  const { registry, metrics, version, log, events } = options;
  const unread = { bytes: options.maxImages * options.maxBytes + UNREAD_MARGIN, ms: UNREAD_TIMEOUT_MS };
  let draining = false;
  let lastRequest = 0;
  const newId = () => `r${process.pid}-${++lastRequest}`;
  const server = Fastify({
    loggerInstance: log,
    // observeRequests writes one line per request.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    requestIdHeader: false,
    trustProxy: options.trustedProxies.length > 0 ? [...options.trustedProxies] : false,
    genReqId: ({ headers }) => {
      const given = headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : newId();
    },
    requestTimeout: options.uploadTimeoutMs + REQUEST_TIMEOUT_MARGIN_MS,
    keepAliveTimeout: options.keepAliveMs,
    http: {
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS, options.uploadTimeoutMs),
      connectionsCheckingInterval: 2_000,
      // refuseOddRequests refuses it with a problem document.
      requireHostHeader: false,
    },
    // While the server stops, requests on open connections are still answered, with `connection: close`.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    ajv: { customOptions: { removeAdditional: false, allErrors: true } },
    schemaErrorFormatter: describeValidation,
    // Errors before a route is found.
    frameworkErrors: (error, request, reply) => {
      observeRequest(request, reply, events);
      sendProblem(typedError(error), request, reply, events);
    },
    clientErrorHandler: refuseMalformed(log, newId, events, unread),
  }).withTypeProvider<TypeBoxTypeProvider>();

  server.addSchema(ProblemSchema);
  observeRequests(server, events);
  installErrorHandling(server, events);
  refuseOddRequests(server);
  const connections = followConnections(server.server, unread);
  // Decided when a request is answered, not when it arrives, so that earlier requests close their connection too. Pipelined requests
  // are still answered: only the reply to the newest one closes the connection.
  server.addHook('onSend', (request, reply, _payload, done) => {
    if (closesUnread(request.raw, unread) || (draining && connections.isNewest(request.raw))) {
      reply.header('connection', 'close');
    }
    done();
  });
  server.addHook('preClose', async () => connections.closeUnused());

  server.removeAllContentTypeParsers();
  await openapi(server, version);
  await server.register(classifyRoutes, options);
  await server.register(featureRoutes, options);
  await server.register(estimateRoutes, { classifier: options.classifier });
  await server.register(modelRoutes, { registry });
  await server.register(modelChangeRoutes, { registry, adminKey: options.adminKey });
  await server.register(startTransferRoute, options);
  await server.register(transferRoutes, options);
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
