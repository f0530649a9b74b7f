import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import Type from '../core/schema/typebox.js';

export interface HealthRouteOptions {
  /** Whether to send requests to this server, and if not, the reason. */
  readiness(): { ready: boolean; reason?: string };
  metrics(): Promise<{ contentType: string; body: string }>;
}

/** GET /livez, /readyz, /metrics */
export const healthRoutes: FastifyPluginAsyncTypebox<HealthRouteOptions> = async (app, { readiness, metrics }) => {
  const tags = ['operation'];
  const StatusSchema = Type.Object({ status: Type.String(), reason: Type.Optional(Type.String()) });

  app.get(
    '/livez',
    { schema: { summary: 'Whether the process answers', tags, response: { 200: StatusSchema } } },
    async () => ({
      status: 'ok',
    }),
  );

  app.get(
    '/readyz',
    {
      schema: {
        summary: 'Whether to send requests here',
        description: '503 until every model that should serve is ready, if there is none, and while the server stops.',
        tags,
        response: { 200: StatusSchema, 503: StatusSchema },
      },
    },
    async (_request, reply) => {
      const { ready, reason } = readiness();
      reply.code(ready ? 200 : 503);
      return ready ? { status: 'ready' } : { status: 'not_ready', ...(reason === undefined ? {} : { reason }) };
    },
  );

  app.get(
    '/metrics',
    { schema: { summary: 'Prometheus metrics', tags, produces: ['text/plain'] } },
    async (_request, reply) => {
      const { contentType, body } = await metrics();
      return reply.type(contentType).send(body);
    },
  );
};
