#!/usr/bin/env node
// The least that Fastify does for a request: reads the body, and answers at once. Measured beside this server by
// measure-server-process.mjs.
import Fastify from 'fastify';

const app = Fastify({ bodyLimit: 32 * 1024 * 1024 });
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
app.post('/classify', async ({ body }) => ({ bytes: Buffer.isBuffer(body) ? body.length : 0 }));
process.stdout.write(`${await app.listen({ port: 0, host: '127.0.0.1' })}\n`);
