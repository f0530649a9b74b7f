import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply } from 'fastify';
import { VariantNameSchema } from '../../../core/manifest/variant.js';
import Type from '../../../core/schema/typebox.js';
import type { ModelRegistry } from '../../../serving/loading/model-registry.js';
import type { WeightsFile } from '../../../serving/models/weights-file.js';
import { ADMIN_SECURITY, onlyAdmin } from '../admin.js';
import { ModelIdSchema, ModelSchema, problems } from '../schemas/model-schemas.js';
import { modelJson } from './model-json.js';

export interface ModelChangeOptions {
  registry: ModelRegistry;
  adminKey: string | undefined;
}

/** POST /models/:id/load, /unload and /rollback, DELETE /models/:id, GET /models/:id/file */
export const modelChangeRoutes: FastifyPluginAsyncTypebox<ModelChangeOptions> = async (app, { registry, adminKey }) => {
  const tags = ['models'];
  const params = Type.Object({ id: ModelIdSchema });
  const onRequest = onlyAdmin(adminKey);
  const variantQuery = Type.Object({ variant: Type.Optional(VariantNameSchema) }, { additionalProperties: false });

  app.post(
    '/models/:id/load',
    {
      onRequest,
      schema: {
        summary: 'Load a model, or replace a loaded one',
        description: 'Answers when the model is ready. A loaded model keeps serving until its replacement is ready.',
        tags,
        security: ADMIN_SECURITY,
        params,
        querystring: variantQuery,
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
      onRequest,
      schema: {
        summary: 'Unload a model',
        description: 'Answers when all requests to the model are finished and its memory is free.',
        tags,
        security: ADMIN_SECURITY,
        params,
        response: { 200: ModelSchema, ...problems(400, 401, 403, 404, 409) },
      },
    },
    async ({ params: { id } }) => {
      await registry.unload(id);
      return modelJson(await registry.status(id));
    },
  );

  app.post(
    '/models/:id/rollback',
    {
      onRequest,
      schema: {
        summary: 'Bring back the version before',
        description:
          'For models below MENAGERIE_DATA_DIR. Answers when the earlier version is ready; until then the current one serves, and it ' +
          'serves on if the earlier one fails. Another rollback brings back what was current.',
        tags,
        security: ADMIN_SECURITY,
        params,
        response: { 200: ModelSchema, ...problems(400, 401, 403, 404, 409, 500) },
      },
    },
    async ({ params: { id } }) => {
      await registry.rollback(id);
      return modelJson(await registry.status(id));
    },
  );

  app.delete(
    '/models/:id',
    {
      onRequest,
      schema: {
        summary: 'Remove a model with all its versions',
        description:
          'For models below MENAGERIE_DATA_DIR that no ensemble and no setting names. Answers when all requests to it are finished.',
        tags,
        security: ADMIN_SECURITY,
        params,
        response: { 204: { description: 'Removed', type: 'null' }, ...problems(400, 401, 403, 404, 409, 500) },
      },
    },
    async ({ params: { id } }, reply) => {
      await registry.remove(id);
      return reply.code(204).send(null);
    },
  );

  app.get(
    '/models/:id/file',
    {
      onRequest,
      schema: {
        summary: 'The ONNX file of a model',
        description: 'Of the variant that serves, or else of the default one. Its SHA-256 is the ETag.',
        tags,
        security: ADMIN_SECURITY,
        params,
        querystring: variantQuery,
        produces: ['application/octet-stream'],
        response: {
          200: { description: 'The file', type: 'string', format: 'binary' },
          ...problems(400, 401, 403, 404, 409, 500),
        },
      },
    },
    async ({ params: { id }, query: { variant } }, reply) => {
      const file = await registry.file(id, variant);
      return sendFile(reply, `${id}.onnx`, file);
    },
  );
};

function sendFile(reply: FastifyReply, name: string, { content, bytes, sha256 }: WeightsFile): FastifyReply {
  return reply
    .headers({
      'content-length': bytes,
      'content-disposition': `attachment; filename="${name}"`,
      etag: `"${sha256}"`,
      'cache-control': 'no-cache',
    })
    .type('application/octet-stream')
    .send(content);
}
