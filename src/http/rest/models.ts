import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { MenagerieError } from '../../core/errors.js';
import { VariantNameSchema } from '../../core/manifest/variant.js';
import type { ModelRegistry } from '../../serving/loading/model-registry.js';
import { whyNotServed } from '../../serving/models/why-not-served.js';
import { labelsJson } from './labels-json.js';
import { modelJson } from './model-json.js';
import { ModelList } from './model-list.js';
import { LabelListSchema, ModelDetailSchema, ModelIdSchema, ModelSchema, problems } from './schemas/model-schemas.js';

export interface ModelRouteOptions {
  registry: ModelRegistry;
  adminKey: string | undefined;
}

/** GET /models, GET /models/:id, GET /models/:id/labels, POST /models/:id/load and /unload */
export const modelRoutes: FastifyPluginAsyncTypebox<ModelRouteOptions> = async (app, { registry, adminKey }) => {
  const tags = ['models'];
  const list = new ModelList(() => registry.list());
  const params = Type.Object({ id: ModelIdSchema });
  const onlyAdmin = async (request: FastifyRequest) => assertAdmin(request, adminKey);
  const security = [{ adminKey: [] }];

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

  app.post(
    '/models/:id/load',
    {
      onRequest: onlyAdmin,
      schema: {
        summary: 'Load a model, or replace a loaded one',
        description: 'Answers when the model is ready. A loaded model keeps serving until its replacement is ready.',
        tags,
        security,
        params,
        querystring: Type.Object({ variant: Type.Optional(VariantNameSchema) }, { additionalProperties: false }),
        response: { 200: ModelSchema, ...problems(400, 401, 403, 404, 409, 500) },
      },
    },
    async ({ params: { id }, query: { variant } }) => {
      await registry.load(id, variant);
      return modelJson(await registry.status(id));
    },
  );

  app.post(
    '/models/:id/unload',
    {
      onRequest: onlyAdmin,
      schema: {
        summary: 'Unload a model',
        description: 'Answers when all requests to the model are finished and its memory is free.',
        tags,
        security,
        params,
        response: { 200: ModelSchema, ...problems(400, 401, 403, 404, 409) },
      },
    },
    async ({ params: { id } }) => {
      await registry.unload(id);
      return modelJson(await registry.status(id));
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

function assertAdmin(request: FastifyRequest, adminKey: string | undefined): void {
  if (adminKey === undefined) {
    throw new MenagerieError(
      'admin_disabled',
      'Loading and unloading over HTTP is disabled: MENAGERIE_ADMIN_KEY is not set.',
    );
  }
  const [, token = ''] = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '') ?? [];
  // Hashed first, so that the time of the comparison does not depend on the length.
  const digest = (text: string) => createHash('sha256').update(text).digest();
  if (!timingSafeEqual(digest(token), digest(adminKey))) {
    throw new MenagerieError('unauthorized', 'Send the admin key as: Authorization: Bearer <key>');
  }
}
