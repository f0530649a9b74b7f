import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';

/** GET /openapi.json, and GET /docs, a page that shows it. Must be registered before the routes it describes. */
export async function openapi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'menagerie',
        version,
        description: 'The classic convolutional networks for image classification, served over HTTP.',
        license: { name: 'MIT' },
      },
      tags: [{ name: 'classify' }, { name: 'models' }, { name: 'operation' }],
      components: { securitySchemes: { adminKey: { type: 'http', scheme: 'bearer' } } },
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, i) => (typeof json.$id === 'string' ? json.$id : `schema-${i}`),
    },
    // Describes the body of /classify, which no schema checks because it is read as a stream.
    transformObject: (document) => {
      if (!('openapiObject' in document)) return document.swaggerObject;
      const { openapiObject } = document;
      Object.assign(openapiObject.paths?.['/classify']?.post ?? {}, { requestBody: CLASSIFY_BODY });
      return openapiObject;
    },
  });
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true });
  app.get('/', { schema: { hide: true } }, async (_request, reply) => reply.redirect('/docs'));
}

const binary = { schema: { type: 'string', format: 'binary' } };
const CLASSIFY_BODY = {
  required: true,
  content: {
    'multipart/form-data': {
      schema: {
        type: 'object',
        required: ['image'],
        properties: { image: { type: 'array', items: { type: 'string', format: 'binary' } } },
      },
    },
    'image/jpeg': binary,
    'image/png': binary,
    'image/webp': binary,
    'image/avif': binary,
    'image/gif': binary,
    'image/tiff': binary,
    'application/octet-stream': binary,
  },
};
