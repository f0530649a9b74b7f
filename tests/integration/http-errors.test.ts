import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/core/errors.js';
import { STATUS } from '../../src/http/errors/status.js';
import { exchange, metric, type RawReply } from '../support/http-client.js';
import { manifestOf } from '../support/model-folders.js';
import { FORM, form, image, part, pixelBomb, post, raw } from '../support/raw-requests.js';
import { ADMIN_KEY, startServer, type TestServer } from '../support/server.js';
import { instructPng, until } from '../support/worker-script.js';

const PICTURES = new URL('../fixtures/pictures/', import.meta.url);
const MAX_BYTES = 64 * 1024;
const CHUNKED = { 'transfer-encoding': 'chunked' };
const KEY = { authorization: `Bearer ${ADMIN_KEY}` };
const get = (target: string, method = 'GET') => [Buffer.from(`${method} ${target} HTTP/1.1\r\nhost: x\r\n\r\n`)];
const png = await readFile(new URL('rgb.png', PICTURES));
const jpeg = await readFile(new URL('rgb.jpg', PICTURES));
const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>';
const large = Buffer.alloc(MAX_BYTES + 1, 1);

/** What is sent and the code it is answered with. */
const CASES: [string, ErrorCode, Uint8Array[]][] = [
  ['an empty body', 'empty_body', raw('')],
  ['no body and no type', 'empty_body', post('/classify?model=m', {})],
  ['an empty chunked body', 'empty_body', raw('', 'image/png', 'model=m', CHUNKED)],
  ['an empty file in a form', 'empty_body', form(image(''))],
  ['a form without parts', 'no_image', form()],
  ['a file in another field', 'unexpected_field', form(part('name="photo"; filename="a.png"', png))],
  ['a text in the field for pictures', 'not_an_image', form(part('name="image"', 'hello', 'text/plain'))],
  ['an unknown field', 'unexpected_field', form(image(png), part('name="topk"', '3', 'text/plain'))],
  ['a form without its end', 'malformed_body', raw(image(png), FORM)],
  ['a form that is no form', 'malformed_body', raw('this is no form', FORM)],
  ['a form without a boundary', 'malformed_body', raw(image(png), 'multipart/form-data')],
  ['JSON without a picture', 'no_image', raw('{}', 'application/json')],
  ['what is no JSON', 'malformed_body', raw('[', 'application/json')],
  ['text', 'not_an_image', raw('hello', 'text/plain')],
  ['an unknown encoding', 'unsupported_encoding', raw(png, 'image/png', 'model=m', { 'content-encoding': 'zstd' })],
  ['a body for what takes none', 'unsupported_media_type', post('/estimate', { 'content-type': 'text/plain' }, 'a')],
  ['bytes that are no picture', 'not_an_image', raw(Buffer.alloc(1000, 7))],
  ['text that says it is a picture', 'not_an_image', form(image('hello'))],
  ['SVG', 'unsupported_image_format', raw(svg, 'image/svg+xml')],
  ['SVG that says it is PNG', 'unsupported_image_format', form(image(svg))],
  ['BMP', 'unsupported_image_format', raw(Buffer.concat([Buffer.from('BM'), Buffer.alloc(100)]), 'image/bmp')],
  ['half a PNG', 'corrupt_image', raw(png.subarray(0, png.length / 2))],
  ['half a JPEG', 'corrupt_image', raw(jpeg.subarray(0, jpeg.length / 2), 'image/jpeg')],
  ['only the signature of a PNG', 'corrupt_image', raw(png.subarray(0, 8))],
  ['too many bytes', 'too_many_bytes', raw(large)],
  ['too many bytes, chunked', 'too_many_bytes', raw(large, 'image/png', 'model=m', CHUNKED)],
  ['too many bytes in a form', 'too_many_bytes', form(image(large))],
  ['a bomb of pixels', 'too_many_pixels', raw(pixelBomb(30_000, 30_000))],
  ['a bomb whose pixels no 32-bit number counts', 'too_many_pixels', raw(pixelBomb(900_000, 900_000))],
  ['too many pictures', 'too_many_images', form(...Array.from({ length: 5 }, () => image(png)))],
  ['an unknown model', 'unknown_model', raw(png, 'image/png', 'model=nobody')],
  ['an impossible model', 'invalid_request', raw(png, 'image/png', 'model=..%2Fetc')],
  ['two models', 'invalid_request', raw(png, 'image/png', 'model=m&model=m')],
  ['an unknown parameter', 'invalid_request', raw(png, 'image/png', 'model=m&topk=3')],
  ['top_k=0', 'invalid_request', raw(png, 'image/png', 'model=m&top_k=0')],
  ['top_k=many', 'invalid_request', raw(png, 'image/png', 'model=m&top_k=many')],
  ['timeout_ms=0', 'invalid_request', raw(png, 'image/png', 'model=m&timeout_ms=0')],
  ['auto_orient=perhaps', 'invalid_request', raw(png, 'image/png', 'model=m&auto_orient=perhaps')],
  ['a model that is not loaded', 'model_not_loaded', raw(png, 'image/png', 'model=asleep')],
  ['a model without weights', 'model_not_pulled', raw(png, 'image/png', 'model=absent')],
  ['a model that failed', 'model_failed', raw(png, 'image/png', 'model=broken')],
  ['a refused folder', 'model_failed', raw(png, 'image/png', 'model=refused')],
  ['a picture that the network chokes on', 'internal', raw(await instructPng('fail'))],
  ['loading without a key', 'unauthorized', post('/models/m/load', {})],
  ['loading with a wrong key', 'unauthorized', post('/models/m/load', { authorization: 'Bearer wrong' })],
  [
    'unloading with basic authentication',
    'unauthorized',
    post('/models/m/unload', { authorization: `Basic ${ADMIN_KEY}` }),
  ],
  ['loading what there is not', 'unknown_model', post('/models/nobody/load', KEY)],
  ['loading an unknown variant', 'unknown_variant', post('/models/m/load?variant=int8', KEY)],
  ['loading an impossible variant', 'invalid_request', post('/models/m/load?variant=fp64', KEY)],
  ['loading what cannot be', 'invalid_network', post('/models/broken/load', KEY)],
  ['loading without weights', 'model_not_pulled', post('/models/absent/load', KEY)],
  ['unloading what is not loaded', 'model_not_loaded', post('/models/asleep/unload', KEY)],
  ['an unknown address', 'not_found', post('/classifyy', {})],
  ['a model of too long a name', 'not_found', get(`/models/${'a'.repeat(300)}`)],
  ['a model of no name', 'invalid_request', get('/models/')],
  ['GET /classify', 'method_not_allowed', get('/classify')],
  ['PUT of a model', 'method_not_allowed', get('/models/m', 'PUT')],
  ['a broken escape in the address', 'malformed_request', get('/models/%zz')],
  [
    'a header without an end',
    'malformed_request',
    [Buffer.from(`GET /livez HTTP/1.1\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`)],
  ],
  ['what is no HTTP', 'malformed_request', [Buffer.from('hello\r\n\r\n')]],
];

async function start(): Promise<TestServer> {
  const server = await startServer({
    models: { m: {}, second: {}, asleep: {}, broken: { load: 'fail' } },
    files: {
      'absent/manifest.json': manifestOf('absent'),
      'absent/labels.txt': 'a\nb',
      'refused/manifest.json': '{"id": "refused"}',
    },
    load: ['m', 'second'],
    maxBytes: MAX_BYTES,
    maxImages: 4,
  });
  await expect(server.registry.load('broken')).rejects.toThrow();
  return server;
}

/** Everything that holds of every error. */
function expectProblem(reply: RawReply, code: ErrorCode, folder: string): void {
  const problem = JSON.parse(reply.body) as Record<string, unknown>;
  expect(problem).toMatchObject({ code, status: STATUS[code], type: `urn:menagerie:error:${code}` });
  expect(reply.status).toBe(STATUS[code]);
  expect(reply.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(problem.title).toBeTruthy();
  expect(problem.detail).toBeTruthy();
  expect(reply.headers.get('x-request-id')).toBe(problem.request_id);
  expect(reply.body).not.toContain(folder);
  expect(reply.body).not.toMatch(/node_modules|\.[jt]s:\d|\bat .*\(|\/(src|dist)\//);
}

describe('what a client can do wrong', async () => {
  /** Most tests ask this one: no error changes it. */
  const { port, url, folder, pool } = await start();

  it.each(CASES)('%s: %s', async (_what, code, request) => {
    expectProblem(await exchange(port, ...request), code, folder);
  });

  it('a picture that kills its worker: worker_failed', async () => {
    const { port, folder } = await start();
    expectProblem(await exchange(port, ...raw(await instructPng('exit'))), 'worker_failed', folder);
  });

  it('is counted even where no request came of it', async () => {
    const { port, url } = await start();
    await exchange(port, Buffer.from('hello\r\n\r\n'));
    await exchange(port, Buffer.from('GET /livez HTTP/9\r\n\r\n'));
    expect(await metric(url, 'menagerie_connection_errors_total', { code: 'malformed_request' })).toBe(2);
    expect(await metric(url, 'menagerie_errors_total')).toBe(0);
  });

  it('is told which methods an address has', async () => {
    const reply = await exchange(port, ...get('/classify', 'PATCH'));
    expect(reply.status).toBe(405);
    expect(reply.headers.get('allow')).toBe('POST, PUT');
    const model = await exchange(port, ...get('/models/m', 'PUT'));
    expect(model.headers.get('allow')).toBe('DELETE, GET, HEAD');
  });

  it('is told that a model is not pulled, also after trying to load it', async () => {
    expectProblem(await exchange(port, ...post('/models/absent/load', KEY)), 'model_not_pulled', folder);
    expectProblem(await exchange(port, ...raw(png, 'image/png', 'model=absent')), 'model_not_pulled', folder);
    expect(await (await fetch(`${url}/models/absent`)).json()).toMatchObject({ state: 'not_pulled', reason: null });
  });

  it('is told how to authenticate', async () => {
    const reply = await exchange(port, ...post('/models/m/load', {}));
    expect(reply.headers.get('www-authenticate')).toMatch(/^Bearer/);
  });

  it('cannot load or unload where no key is configured', async () => {
    const { port, folder } = await startServer({ adminKey: undefined });
    expectProblem(await exchange(port, ...post('/models/m/load', KEY)), 'admin_disabled', folder);
  });

  it('is asked to come again when it names no model and none serves', async () => {
    const { port, folder } = await startServer({ load: [] });
    const reply = await exchange(port, ...raw(png, 'image/png', ''));
    expectProblem(reply, 'model_not_ready', folder);
    expect(Number(reply.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  });

  it('is asked to come again when the model is still loading', async () => {
    const { port, folder, registry, weights } = await startServer({ models: { m: { load: 'hold' } }, load: [] });
    const loading = registry.load('m');
    await until(() => weights.m?.log.includes('load') ?? false, 'the load to begin');
    const reply = await exchange(port, ...raw(png));
    expectProblem(reply, 'model_not_ready', folder);
    expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
    const again = await exchange(port, ...post('/models/m/load', KEY));
    expectProblem(again, 'model_busy', folder);
    weights.m?.open('load');
    await loading;
  });

  it('never makes the server decode what its header already rules out', async () => {
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 20; i++) await exchange(port, ...raw(pixelBomb(30_000, 30_000)));
    // Decoded, each would take 2.7 GB.
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
    expect(pool.waiting).toBe(0);
  });
});
