import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply } from 'fastify';
import Type from '../../../core/schema/typebox.js';
import type { ModelRegistry } from '../../../serving/loading/model-registry.js';
import { whyNotServed } from '../../../serving/models/why-not-served.js';
import { LabelListSchema, ModelDetailSchema, ModelIdSchema, ModelSchema, problems } from '../schemas/model-schemas.js';
import { labelsJson } from './labels-json.js';
import { modelJson } from './model-json.js';
import { ModelList } from './model-list.js';

export interface ModelRouteOptions {
  registry: ModelRegistry;
}

/** GET /models, GET /models/:id, GET /models/:id/labels */
export const modelRoutes: FastifyPluginAsyncTypebox<ModelRouteOptions> = async (app, { registry }) => {
  const tags = ['models'];
  const list = new ModelList(() => registry.list());
  const params = Type.Object({ id: ModelIdSchema });

  app.get(
    '/models',
    {
      schema: {
        summary: 'Every model and ensemble of the repository',
        tags,
        response: { 200: Type.Object({ models: Type.Array(ModelSchema) }) },
      },
    },
    async (_request, reply) => sendJson(reply, await list.json()),
  );

  app.get(
    '/models/:id',
    {
      schema: {
        summary: 'One model or ensemble',
        tags,
        params,
        response: { 200: ModelDetailSchema, ...problems(400, 404) },
      },
    },
    async ({ params: { id } }) => {
      const status = await registry.status(id);
      return {
        ...modelJson(status),
        manifest: status.manifest ?? status.ensemble ?? null,
        labels: status.labels.map(({ name }) => name),
      };
    },
  );

  app.get(
    '/models/:id/labels',
    {
      schema: {
        summary: 'The classes of a model or ensemble',
        description:
          'Names, and what WordNet says each is a kind of. The reply has an ETag: If-None-Match saves sending it again.',
        tags,
        params,
        response: { 200: LabelListSchema, 304: { description: 'Not modified' }, ...problems(400, 404, 503) },
      },
    },
    async ({ params: { id }, headers }, reply) => {
      const status = await registry.status(id);
      if (status.state === 'refused') throw whyNotServed(status);
      const { json, etag } = labelsJson(status.labels);
      reply.headers({ etag, 'cache-control': 'no-cache' });
      const known = headers['if-none-match']?.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
      if (known?.some((tag) => tag === etag || tag === '*')) return reply.code(304).send();
      return sendJson(reply, `{"model":${JSON.stringify(id)},"labels":${json}}`);
    },
  );
};

/** Sends text that is JSON already, such as a list of thousands of models that was built piece by piece. */
function sendJson(reply: FastifyReply, json: string): FastifyReply {
  return reply
    .type('application/json; charset=utf-8')
    .serializer((body: string) => body)
    .send(json);
}
