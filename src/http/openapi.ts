import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { TransferBodySchema } from './rest/schemas/transfer-schemas.js';

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
      tags: [{ name: 'classify' }, { name: 'models' }, { name: 'transfers' }, { name: 'operation' }],
      components: { securitySchemes: { adminKey: { type: 'http', scheme: 'bearer' } } },
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, i) => (typeof json.$id === 'string' ? json.$id : `schema-${i}`),
    },
    // Describes the bodies, which no schema checks because they are read as streams.
    transformObject: (document) => {
      if (!('openapiObject' in document)) return document.swaggerObject;
      const { openapiObject } = document;
      for (const path of ['/classify', '/ensemble', '/models/{id}/features']) {
        Object.assign(openapiObject.paths?.[path]?.post ?? {}, { requestBody: PICTURES_BODY });
      }
      Object.assign(openapiObject.paths?.['/models/{id}/transfers']?.post ?? {}, { requestBody: TRAINING_BODY });
      // Relative to the document, so that it holds behind a proxy that adds a prefix to the path.
      return { ...openapiObject, servers: [{ url: '.' }] };
    },
  });
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    // A browser would look for scripts and styles by https, which the server does not speak.
    transformStaticCSP: (policy) => policy.replace(/\s*upgrade-insecure-requests;?/, ''),
    // At an address that ends with a slash all addresses of the page are relative.
    uiHooks: {
      onRequest: (request, reply, next) => {
        if (request.url.replace(/\?.*$/s, '').endsWith('/docs')) reply.redirect('docs/');
        else next();
      },
    },
    transformSpecification: (description) => ({ ...description, servers: [{ url: '..' }] }),
    transformSpecificationClone: false,
  });
  app.get('/', { schema: { hide: true } }, async (_request, reply) => reply.redirect('docs/'));
}

const binary = { schema: { type: 'string', format: 'binary' } };
const base64 = { type: 'string', description: 'Base64, or a data URL of it.' };
const PICTURES_BODY = {
  required: true,
  description: 'Any parameter of the query may be a field of the form or of the JSON instead.',
  content: {
    'multipart/form-data': {
      schema: {
        type: 'object',
        required: ['image'],
        properties: { image: { type: 'array', items: { type: 'string', format: 'binary' } } },
      },
    },
    'application/json': {
      schema: { type: 'object', properties: { image: base64, images: { type: 'array', items: base64 } } },
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
const TRAINING_BODY = {
  required: true,
  description:
    'JSON that names a folder on the server, or the pictures. Of a form, any parameter of the query may be a field.',
  content: {
    'application/json': { schema: TransferBodySchema },
    'multipart/form-data': {
      schema: {
        type: 'object',
        required: ['file'],
        properties: {
          file: {
            type: 'array',
            items: { type: 'string', format: 'binary' },
            description: 'Files named class/picture.jpg, or one archive of such files.',
          },
        },
      },
    },
    'application/gzip': binary,
    'application/x-tar': binary,
    'application/zip': binary,
  },
};
