import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { answers, exchange, openSocket, type RawReply, readReply } from '../support/http-client.js';
import { end, FORM, form, image, part, post, raw } from '../support/raw-requests.js';
import { startServer } from '../support/server.js';
import { instructPng, until } from '../support/worker-script.js';

/** Most tests ask this one: no upload changes it. */
const { port, budget } = await startServer({ models: { m: {}, second: { offset: 1 } } });
const MIB = 1024 * 1024;
const png = await instructPng('answer', 6);
const other = await instructPng('answer', 3);
/** Larger than what arrives at once, and hardly compressible: decoders read no further than the picture. */
const long = Buffer.concat([
  png,
  Buffer.from(Array.from({ length: 300_000 }, (_, i) => Math.imul(i, i * 2_654_435_761) >>> 13)),
]);
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const text = (name: string, value: string) =>
  Buffer.from(`--a-boundary\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`);
const json = (value: unknown, query = 'model=m') => raw(JSON.stringify(value), 'application/json', query);

interface Result {
  predictions?: { index: number }[];
  error?: { code: string };
}
interface Reply {
  model?: { id: string };
  results: Result[];
  code?: string;
  detail: string;
}
const bodyOf = ({ body }: RawReply) => JSON.parse(body) as Reply;
/** The status, and the best class or the error of each picture. */
function outcome(reply: RawReply): unknown[] {
  const { results, code } = bodyOf(reply);
  if (code !== undefined) return [reply.status, code];
  return [reply.status, ...results.map(({ predictions, error }) => predictions?.[0]?.index ?? error?.code)];
}

describe('a picture as the body', () => {
  const types = [
    ...[undefined, '', ';', 'jpg', 'image', 'image/png', 'image/*', 'binary/octet-stream', 'application/octet-stream'],
    ...['Application/Octet-Stream; charset=x', 'application/x-www-form-urlencoded', 'text/plain', 'application/json'],
    ...['multipart/form-data', 'multipart/form-data; boundary=x', 'application/x-binary'],
  ];
  it.each(types)('is taken whatever its type says, by POST and PUT: %s', async (type) => {
    for (const method of ['POST', 'PUT']) {
      const headers = type === undefined ? {} : { 'content-type': type };
      expect(outcome(await exchange(port, ...post('/classify?model=m', headers, png, method)))).toEqual([200, 6]);
    }
  });

  it.each([
    ['text', 'hello', 'text'],
    ['base64', base64(long), 'base64 text'],
    ['a web page', '<!DOCTYPE html><html></html>', 'a web page (HTML)'],
    ['an encoded form', 'image=abc&model=m', 'URL-encoded form fields'],
    ['gzip without its header', gzipSync(png), 'gzip data'],
    ['a form without its type', Buffer.concat([image(png), end]), 'a multipart form'],
  ])('is asked for if the body is %s', async (_what, body, named) => {
    const reply = await exchange(port, ...raw(body, 'application/x-www-form-urlencoded'));
    expect(outcome(reply)).toEqual([415, 'not_an_image']);
    expect(bodyOf(reply).detail).toContain(`not a picture but ${named}.`);
    expect(bodyOf(reply).detail).toContain('{"image": "<base64>"}');
  });
});

describe('a form', () => {
  it.each(['image', 'images', 'image[]', 'file', 'data'])('may have its pictures in %s', async (field) => {
    const parts = [part(`name="${field}"; filename="a.png"`, png), part(`name="${field}"; filename="b.png"`, other)];
    expect(outcome(await exchange(port, ...form(...parts)))).toEqual([200, 6, 3]);
  });

  it.each([
    ['no file name', part('name="image"', png, 'image/jpeg')],
    ['no type', Buffer.concat([text('image', ''), Buffer.alloc(0)]).subarray(0, -2)],
    ['an unquoted name', part('name=image; filename=a.png', png)],
    ['a text type', part('name="image"; filename="a.png"', png, 'text/plain; charset=utf-8')],
  ])('may have a picture with %s', async (what, bytes) => {
    const whole = what === 'no type' ? Buffer.concat([bytes, png, Buffer.from('\r\n')]) : bytes;
    expect(outcome(await exchange(port, ...form(whole)))).toEqual([200, 6]);
  });

  it('keeps file names of any language, without their folders', async () => {
    const reply = await exchange(
      port,
      ...form(
        part('name="image"; filename="Kätzchen ☺.png"', png),
        part('name="image"; filename="C:\\\\pictures\\\\cat.png"', png),
        part(`name="image"; filename*=utf-8''na%C3%AFve.png`, png),
      ),
    );
    const { results } = JSON.parse(Buffer.from(reply.body, 'latin1').toString()) as { results: { name: string }[] };
    expect(results.map(({ name }) => name)).toEqual(['Kätzchen ☺.png', 'cat.png', 'naïve.png']);
  });

  it.each([
    ['before', [text('top_k', '3'), text('model', 'second'), image(png)]],
    ['after', [image(png), text('model', 'second'), text('top_k', '3')]],
    ['around', [text('model', 'second'), image(png), text('top_k', '3')]],
  ])('may have the parameters %s the pictures', async (_where, parts) => {
    const models = { m: {}, second: { offset: 1 }, asleep: {} };
    // The default does not serve, so the model must be that of the form.
    const { port } = await startServer({ models, load: ['m', 'second'], defaultModel: 'asleep' });
    const reply = await exchange(port, ...raw(Buffer.concat([...parts, end]), FORM, ''));
    expect(outcome(reply)).toEqual([200, 7]);
    expect(bodyOf(reply).model?.id).toBe('second');
    expect(bodyOf(reply).results[0]?.predictions).toHaveLength(3);
  });

  it('may name the models of an ensemble', async () => {
    const parts = Buffer.concat([image(png), text('models', 'm,second'), text('weights', '2,1'), end]);
    expect(outcome(await exchange(port, ...post('/ensemble', { 'content-type': FORM }, parts)))).toEqual([200, 6]);
    const nameless = Buffer.concat([image(png), end]);
    const refused = await exchange(port, ...post('/ensemble', { 'content-type': FORM }, nameless));
    expect(bodyOf(refused).detail).toContain('"models" is missing');
    expect(outcome(await exchange(port, ...post('/ensemble', {}, png)))).toEqual([400, 'invalid_request']);
  });

  it.each([
    ['another value than the URL', [image(png), text('top_k', '3')], 'top_k is given twice: "2" in the URL and "3"'],
    ['two values', [text('seed', '1'), image(png), text('seed', '2')], 'seed is twice in the form'],
    ['another model than the URL', [image(png), text('model', 'second')], '"m" in the URL and "second" in the body'],
    ['an unknown parameter', [text('topk', '3'), image(png)], 'There is no parameter "topk"'],
    ['an impossible value', [image(png), text('crops', 'many')], 'crops'],
    ['a value of megabytes', [text('tta', 'x'.repeat(2 * MIB)), image(png)], 'tta is longer than'],
    ['a file for a parameter', [part('name="top_k"; filename="a.png"', png)], 'a file in the field "top_k"'],
  ])('is refused with %s', async (_what, parts, detail) => {
    const reply = await exchange(port, ...raw(Buffer.concat([...parts, end]), FORM, 'model=m&top_k=2'));
    expect(reply.status).toBe(400);
    expect(bodyOf(reply).detail).toContain(detail);
  });

  it('may say the same as the URL', async () => {
    const parts = Buffer.concat([image(png), text('top_k', '2'), text('model', 'm'), end]);
    expect(outcome(await exchange(port, ...raw(parts, FORM, 'model=m&top_k=2')))).toEqual([200, 6]);
  });

  const head = (lines: string) => Buffer.from(`--a-boundary\r\n${lines}\r\n\r\n`);
  const large = Buffer.concat([png, Buffer.alloc(200_000, 1), Buffer.from('\r\n')]);
  it.each([
    ['that is no form-data', [head('content-disposition: attachment; name="image"; filename="a.png"'), large, end]],
    ['of old PHP', [head('content-disposition: file; name="image"; filename="a.png"'), large, end]],
    ['with a malformed header', [head('content disposition form-data'), large, end]],
    ['without headers', [Buffer.from('--a-boundary\r\n\r\n'), large, end]],
    ['without a name', [head('content-disposition: form-data; filename="a.png"'), large, end]],
    ['after a picture', [image(png), head('x-other: 1'), large, end]],
    ['with endless headers', [head(`content-disposition: form-data; name="image"; x="${'a'.repeat(200_000)}"`), end]],
    ['that does not end', [image(png), head('content-disposition: form-data; name="image"'), large]],
    [
      'of another boundary',
      [Buffer.from('--other\r\ncontent-disposition: form-data; name="image"\r\n\r\n'), large, end],
    ],
  ])('is answered at once if it has a large part %s', async (_what, parts) => {
    expect(outcome(await exchange(port, ...raw(Buffer.concat(parts), FORM)))).toEqual([400, 'malformed_body']);
  });

  it('ends with its last boundary, whatever follows', async () => {
    const parts = [image(png), end, Buffer.alloc(100_000, 1), image(other), end];
    expect(outcome(await exchange(port, ...raw(Buffer.concat(parts), FORM)))).toEqual([200, 6]);
  });
});

describe('JSON', () => {
  const wrapped = base64(long).replace(/.{76}/g, '$&\r\n');
  const spellings: [string, string][] = [
    ['base64', JSON.stringify({ image: base64(long) })],
    ['a data URL', JSON.stringify({ image: `data:image/png;base64,${base64(long)}` })],
    ['a small data URL', JSON.stringify({ image: `data:image/png;charset=x;base64,${base64(png)}` })],
    ['base64 in lines', JSON.stringify({ image: wrapped })],
    ['base64 without padding', JSON.stringify({ image: base64(long).replace(/=+$/, '') })],
    ['base64url', JSON.stringify({ image: Buffer.from(long).toString('base64url') })],
    ['base64 with escaped slashes, as PHP writes it', JSON.stringify({ image: base64(long) }).replaceAll('/', '\\/')],
    [
      'base64 with escaped signs, as .NET writes it',
      JSON.stringify({ image: base64(long) }).replaceAll('+', '\\u002B'),
    ],
    ['one in a list', JSON.stringify({ images: [base64(png)] })],
    ['indentation and a byte order mark', `\ufeff${JSON.stringify({ note: null, image: base64(long) }, null, 4)}`],
  ];
  it.each(spellings)('may hold its picture as %s', async (_what, body) => {
    expect(outcome(await exchange(port, ...raw(body, 'application/json')))).toEqual([200, 6]);
  });

  it('is known by its first byte', async () => {
    for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'application/octet-stream']) {
      expect(outcome(await exchange(port, ...raw(JSON.stringify({ image: base64(png) }), type)))).toEqual([200, 6]);
    }
  });

  it('may come in pieces of any size', async () => {
    const [start, body] = json({ image: base64(long).replaceAll('A', '\\'), top_k: 2 });
    expect(start).toBeDefined();
    const escaped = Buffer.from(String(body).replaceAll('\\\\', '\\u0041'));
    const [headers] = post('/classify?model=m', {
      'content-length': escaped.length,
      'content-type': 'application/json',
    });
    const socket = await openSocket(port);
    socket.setNoDelay(true);
    const reply = readReply(socket);
    socket.write(headers as Uint8Array);
    for (let at = 0, i = 0; at < escaped.length; i++) {
      const size = i < 3000 ? 1 : 997;
      socket.write(escaped.subarray(at, at + size));
      at += size;
      if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(outcome(await reply)).toEqual([200, 6]);
  });

  it('takes the parameters beside the pictures, lists too', async () => {
    const reply = await exchange(port, ...json({ model: 'second', top_k: 2, tta: null, image: base64(png) }, ''));
    expect(outcome(reply)).toEqual([200, 7]);
    expect(bodyOf(reply).results[0]?.predictions).toHaveLength(2);
    const together = { models: ['m', 'second'], weights: [3, 1], image: base64(png), auto_orient: false };
    const headers = { 'content-type': 'application/json' };
    expect(outcome(await exchange(port, ...post('/ensemble', headers, JSON.stringify(together))))).toEqual([200, 6]);
  });

  it('answers several pictures in order, the faulty ones with their errors', async () => {
    const images = [base64(png), 'no base64!', base64(other), `${base64(long)}*`, '', 'https://example.com/cat.jpg'];
    expect(outcome(await exchange(port, ...json({ images })))).toEqual([
      ...[200, 6, 'not_an_image', 3, 'not_an_image', 'empty_body', 'not_an_image'],
    ]);
    const forms = [image(png), image('no picture'), image(other), image('')];
    expect(outcome(await exchange(port, ...form(...forms)))).toEqual([200, 6, 'not_an_image', 3, 'empty_body']);
  });

  it.each<[string, string, number, string]>([
    ['no JSON', '{"image": ', 400, 'malformed_body'],
    ['half of it', `{"image": "${base64(long)}`, 400, 'malformed_body'],
    ['a list', '["a"]', 400, 'malformed_body'],
    ['no picture', '{}', 400, 'no_image'],
    ['a picture that is a number', '{"image": 7}', 400, 'invalid_request'],
    ['a picture in an object', '{"image": {"b64": "AAAA"}}', 400, 'invalid_request'],
    ['a reference of its own', '{"image": "\\u00007"}', 400, 'empty_body'],
    ['an unknown parameter', `{"image": "${base64(png)}", "topk": 3}`, 400, 'invalid_request'],
    ['an escaped quote', `{"model": "a\\"b", "image": "${base64(long)}"}`, 400, 'invalid_request'],
    ['an escaped backslash', `{"model": "a\\\\", "image": "${base64(long)}"}`, 400, 'invalid_request'],
    ['a hostile name', `{"image": "${base64(png)}", "__proto__": {"top_k": 3}}`, 400, 'invalid_request'],
    ['another value than the URL', `{"image": "${base64(png)}", "model": "second"}`, 400, 'invalid_request'],
    ['too many pictures', JSON.stringify({ images: Array(9).fill(base64(png)) }), 413, 'too_many_images'],
    ['too many long texts', JSON.stringify({ images: Array(9).fill(base64(long)) }), 413, 'too_many_images'],
    ['too large a picture', JSON.stringify({ image: base64(Buffer.alloc(MIB + 1)) }), 413, 'too_many_bytes'],
    ['endless nesting', '{"image": ['.padEnd(200_000, '['), 413, 'too_many_bytes'],
    ['a great many numbers', `{"top_k": [${'1,'.repeat(100_000)}1]}`, 413, 'too_many_bytes'],
  ])('is refused with %s', async (_what, body, status, code) => {
    expect(outcome(await exchange(port, ...raw(body, 'application/json')))).toEqual([status, code]);
    await until(() => budget.used === 0, 'the memory to be given back');
  });
});

describe('a Content-Encoding', async () => {
  /** As servers compress what they send; the best compression, the default, takes ten times as long. */
  const quickly = { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } };
  const encoders: [string, (bytes: Uint8Array) => Buffer][] = [
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['GZIP', gzipSync],
    ['deflate', deflateSync],
    ['br', (bytes) => brotliCompressSync(bytes, quickly)],
    ['identity', Buffer.from],
  ];
  const encoded = (encoding: string, bytes: Uint8Array, type = 'image/png') =>
    raw(bytes, type, 'model=m', { 'content-encoding': encoding });

  it.each(encoders)('is undone: %s', async (encoding, encode) => {
    const bodies: [string, Uint8Array][] = [
      ['image/png', long],
      [FORM, Buffer.concat([image(long), end])],
      ['application/json', Buffer.from(JSON.stringify({ image: base64(long) }))],
    ];
    for (const [type, body] of bodies) {
      expect(outcome(await exchange(port, ...encoded(encoding, encode(body), type)))).toEqual([200, 6]);
    }
    await until(() => budget.used === 0, 'the memory to be given back');
  });

  it.each(encoders.slice(0, 5))('that is broken is malformed: %s', async (encoding, encode) => {
    const whole = encode(long);
    const half = whole.subarray(0, whole.length / 2);
    // Brotli has no checksum, so it decodes most damage to other bytes.
    const damaged = encoding === 'br' ? half : Buffer.concat([half, Buffer.alloc(100, 0xa5), half]);
    for (const bytes of [half, damaged, long, Buffer.from('hello')]) {
      expect(outcome(await exchange(port, ...encoded(encoding, bytes)))).toEqual([400, 'malformed_body']);
    }
  });

  it.each(['compress', 'zstd', 'gzip, br', 'aws-chunked', 'utf-8'])(
    'that is not known is refused, with those that are: %s',
    async (encoding) => {
      const reply = await exchange(port, ...encoded(encoding, png));
      expect(outcome(reply)).toEqual([415, 'unsupported_encoding']);
      expect(reply.headers.get('accept-encoding')).toBe('gzip, deflate, br');
    },
  );

  const oneOrTwo = await startServer({ maxImages: 2 });
  it.each(encoders.slice(0, 5))('cannot make a body larger than the limit: %s', async (encoding, encode) => {
    const { port, budget } = oneOrTwo;
    const zeros = Buffer.alloc(40 * MIB);
    const space = Buffer.concat([Buffer.from('{"image": "'), Buffer.alloc(40 * MIB, ' ')]);
    const fields = Buffer.concat([text('top_k', ''), zeros]);
    for (const [type, body] of [
      ['image/png', zeros],
      [FORM, Buffer.concat([image(''), zeros])],
      [FORM, Buffer.concat([part('name="image"', zeros), end])],
      ['application/json', space],
    ] as const) {
      expect(outcome(await exchange(port, ...encoded(encoding, encode(body), type)))).toEqual([413, 'too_many_bytes']);
    }
    expect(outcome(await exchange(port, ...encoded(encoding, encode(fields), FORM)))[0]).toBe(400);
    await until(() => budget.used === 0, 'the memory to be given back');
  });

  it('is charged for the memory of its decoder', async () => {
    const socket = await openSocket(port);
    const [head, bytes] = encoded('br', brotliCompressSync(long)) as [Uint8Array, Uint8Array];
    socket.write(head);
    socket.write(bytes.subarray(0, 100));
    await until(() => budget.used > 16 * MIB, 'the decoder to be counted');
    socket.destroy();
    await until(() => budget.used === 0, 'the memory to be given back');
  });
});

describe('a server without room', () => {
  it('does not read a form that names no model in its URL', async () => {
    const { port, url, pool, weights } = await startServer({ models: { m: {} }, queue: 1 });
    const busy = fetch(`${url}/classify`, { method: 'POST', body: await instructPng('hold', 1) });
    await until(() => (weights.m?.begun.length ?? 0) > 0, 'the picture to be begun');
    const [head] = post('/classify', { 'content-type': FORM, 'content-length': 500_000 });
    expect(outcome(await exchange(port, head as Uint8Array))).toEqual([503, 'overloaded']);
    expect(pool.workers.busy).toBe(1);
    weights.m?.open(1);
    expect(await answers(await busy)).toBeDefined();
  });
});
