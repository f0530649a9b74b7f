import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import Fastify from 'fastify';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ByteBudget } from '../../src/http/body/memory/byte-budget.js';
import { receiveTrainingSet } from '../../src/http/body/training/receive-training-set.js';
import { refuseMalformed } from '../../src/http/errors/connection-errors.js';
import { installErrorHandling } from '../../src/http/errors/error-handling.js';
import { abortWhenGone } from '../../src/http/exchange/client-gone.js';
import type { HttpEvents } from '../../src/http/exchange/events.js';
import { type Member, tarOf, zipOf } from '../support/archives.js';
import { codeOf, openSocket, readReply } from '../support/http-client.js';
import { temporaryFolder } from '../support/model-folders.js';
import { end, FORM, part, post } from '../support/raw-requests.js';
import { until } from '../support/worker-script.js';

const EVENTS: HttpEvents = { requestStarted() {}, requestFinished() {}, requestFailed() {}, connectionFailed() {} };
const MIB = 1024 * 1024;

/** A server that does nothing but receive sets into `data/set`. */
async function startReceiver(
  rules: {
    bytes?: number;
    maxBytes?: number;
    timeoutMs?: number;
    uploadTimeoutMs?: number;
    requestTimeout?: number;
  } = {},
) {
  const data = await temporaryFolder();
  const budget = new ByteBudget(64 * MIB);
  const server = Fastify({
    requestTimeout: rules.requestTimeout ?? 0,
    // Node takes the shorter of the two for that of the headers.
    http: { connectionsCheckingInterval: 50, headersTimeout: rules.requestTimeout ?? 60_000 },
    clientErrorHandler: (error, socket) =>
      refuseMalformed(server.log, () => 'id', EVENTS, { bytes: MIB, ms: 1000 })(error, socket),
  });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, _payload, done) => done(null));
  installErrorHandling(server, EVENTS);
  server.post('/set', async (request, reply) => {
    const account = budget.open({ address: request.ip, declared: undefined });
    const limits = { bytes: 16 * MIB, maxBytes: MIB, timeoutMs: 20_000, uploadTimeoutMs: 20_000, ...rules };
    const all = { ...limits, parameterNames: new Set(['id']), account };
    try {
      const received = await receiveTrainingSet(request, join(data, 'set'), all, abortWhenGone(request, reply));
      return { ...received, parameters: Object.fromEntries(received.parameters) };
    } finally {
      account.close();
    }
  });
  await server.listen({ port: 0, host: '127.0.0.1' });
  onTestFinished(() => server.close());
  const { port } = server.server.address() as AddressInfo;
  const send = (body: FormData | Uint8Array<ArrayBuffer> | string, headers: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${port}/set`, { method: 'POST', body, headers });
  return { data, port, send };
}

/** The files below a folder and what they hold. */
async function filesOf(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (!entry.isDirectory()) found[file.slice(folder.length + 1)] = await readFile(file, 'latin1');
  }
  return found;
}
const formOf = (files: Record<string, string>, fields: Record<string, string> = {}) => {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  for (const [name, content] of Object.entries(files)) form.append('file', new Blob([content]), name);
  return form;
};
const asBody = (bytes: Buffer) => new Uint8Array(bytes);
const refusal = async (response: Response) => (await response.json()) as { code: string; detail: string };

describe('a set is received', () => {
  test('as a form with the folders in the names, and parameters', async () => {
    const { data, send } = await startReceiver();
    const files = { 'ants/1.jpg': 'a', 'ants/deep/2.jpg': '', './bees//été.jpg': 'b'.repeat(300_000) };
    const response = await send(formOf(files, { id: 'mine' }));
    expect(await response.json()).toEqual({ files: 3, bytes: 300_001, skipped: [], parameters: { id: 'mine' } });
    expect(await filesOf(join(data, 'set'))).toEqual({
      'ants/1.jpg': 'a',
      'ants/deep/2.jpg': '',
      'bees/été.jpg': 'b'.repeat(300_000),
    });
    expect(await readdir(data)).toEqual(['set']);
  });

  const MEMBERS: Member[] = [
    { name: 'pets/ants/1.jpg', data: 'a' },
    { name: 'pets/bees/empty.jpg' },
    { name: 'pets/bees/2.jpg', data: 'b'.repeat(200_000) },
  ];
  const EXPECTED = { 'pets/ants/1.jpg': 'a', 'pets/bees/empty.jpg': '', 'pets/bees/2.jpg': 'b'.repeat(200_000) };
  const ARCHIVES = { zip: zipOf(...MEMBERS), tar: tarOf(...MEMBERS), 'tar.gz': gzipSync(tarOf(...MEMBERS)) };

  test.each(Object.entries(ARCHIVES))('as a %s, by its content, as the body or in a form', async (ending, archive) => {
    for (const body of [asBody(archive), formOf({}, { id: 'x' })]) {
      if (body instanceof FormData) body.append('file', new Blob([asBody(archive)]), `pets.${ending}`);
      const { data, send } = await startReceiver();
      const response = await send(body);
      expect(await response.json()).toMatchObject({ files: 3, bytes: 200_001, skipped: [] });
      expect(await filesOf(data)).toEqual(
        Object.fromEntries(Object.entries(EXPECTED).map(([k, v]) => [`set/${k}`, v])),
      );
    }
  });

  test.each(['gnu', 'posix', 'ustar', 'v7'])(
    'as what tar writes as %s, with folders and long names',
    async (format) => {
      const source = await temporaryFolder();
      const long = format === 'v7' ? 'short' : 'é'.repeat(format === 'ustar' ? 40 : 120);
      await mkdir(join(source, 'set', long), { recursive: true });
      await writeFile(join(source, 'set', long, `${long}.jpg`), 'x'.repeat(2000));
      const archive = execFileSync('tar', ['-C', source, `--format=${format}`, '-czf', '-', '.']);
      const { data, send } = await startReceiver();
      expect((await send(asBody(archive))).status).toBe(200);
      expect(await filesOf(join(data, 'set'))).toEqual({ [`set/${long}/${long}.jpg`]: 'x'.repeat(2000) });
    },
  );

  test('in a Content-Encoding', async () => {
    const { data, send } = await startReceiver();
    expect((await send(asBody(gzipSync(zipOf(...MEMBERS))), { 'content-encoding': 'gzip' })).status).toBe(200);
    expect(await filesOf(join(data, 'set'))).toEqual(EXPECTED);
  });

  test('without what systems leave beside pictures, and without pictures that are too large', async () => {
    const members = ['__MACOSX/a/._1.jpg', 'a/.DS_Store', 'a/Thumbs.db', 'a/1.jpg'].map((name) => ({
      name,
      data: 'x',
    }));
    const large = { name: 'a/2.tif', data: 'x'.repeat(2 * MIB) };
    const skipped = [
      { file: '__MACOSX/a/._1.jpg', reason: 'file of the system' },
      { file: 'a/.DS_Store', reason: 'hidden' },
      { file: 'a/Thumbs.db', reason: 'file of the system' },
      { file: 'a/2.tif', reason: `larger than the limit of ${MIB} bytes` },
    ];
    const form = formOf(Object.fromEntries([...members, large].map(({ name, data }) => [name, data])));
    for (const body of [asBody(zipOf(...members, large)), asBody(tarOf(...members, large)), form]) {
      const { data, send } = await startReceiver();
      expect(await (await send(body)).json()).toMatchObject({ files: 1, skipped });
      expect(await filesOf(join(data, 'set'))).toEqual({ 'a/1.jpg': 'x' });
    }
  });

  test('with names in bytes that are UTF-8 without saying so', async () => {
    const { data, send } = await startReceiver();
    expect((await send(asBody(zipOf({ name: 'été/1.jpg', flags: 0 })))).status).toBe(200);
    expect(Object.keys(await filesOf(join(data, 'set')))).toEqual(['été/1.jpg']);
  });
});

describe('a path is refused', () => {
  const refused: [path: string, rule: string][] = [
    ['/etc/passwd', 'absolute'],
    ['C:/a/1.jpg', 'absolute'],
    ['c:1.jpg/x', 'absolute'],
    ['../a/1.jpg', 'leads out of the set'],
    ['a/../../1.jpg', 'leads out of the set'],
    ['a/\u0001.jpg', 'control character'],
    [`${'a/'.repeat(17)}1.jpg`, 'more than 16 folders'],
    [`a/${'x'.repeat(256)}`, 'more than 255 bytes'],
    [`a/${`${'é'.repeat(120)}/`.repeat(5)}1.jpg`, 'more than 1024 bytes'],
    ['a\\b\\1.jpg', 'backslash'],
  ];
  const paxOf = (path: string) => {
    const bytes = Buffer.byteLength(` path=${path}\n`);
    const length = [1, 2, 3, 4].map((digits) => bytes + digits).find((sum, i) => String(sum).length === i + 1);
    return tarOf({ name: 'pax', type: 'x', data: `${length} path=${path}\n` }, { name: 'a/1.jpg', data: 'x' });
  };

  test.each(refused)('%j: %s', async (path, rule) => {
    const safe = { name: 'a/good.jpg', data: 'x' };
    const zip = await startReceiver();
    const ofZip = await refusal(await zip.send(asBody(zipOf(safe, { name: path, data: 'x' }))));
    expect(ofZip.code).toBe('invalid_data');
    const tar = await startReceiver();
    expect(await refusal(await tar.send(asBody(paxOf(path))))).toMatchObject({
      code: 'invalid_data',
      detail: expect.stringContaining(rule),
    });
    const form = await startReceiver();
    const body = Buffer.concat([
      part(`name="f"; filename="a/good.jpg"`, 'x'),
      part(`name="f"; filename="${path}"`, 'x'),
      end,
    ]);
    expect(await refusal(await form.send(asBody(body), { 'content-type': FORM }))).toMatchObject({
      code: 'invalid_data',
      detail: expect.stringContaining(rule),
    });
    for (const { data } of [zip, tar, form]) expect(await readdir(data)).toEqual([]);
  });

  test.each([
    ['the same', 'a/1.jpg', 'a/1.jpg'],
    ['but for case', 'a/É.jpg', 'a/e\u0301.JPG'],
    ['a folder that is a file', 'a/1', 'a/1/2.jpg'],
    ['a file that is a folder', 'a/1/2.jpg', 'A/1'],
  ])('that is there already: %s', async (_case, first, second) => {
    const members = [first, second].map((name) => ({ name, data: 'x' }));
    for (const body of [
      asBody(zipOf(...members)),
      asBody(tarOf(...members)),
      formOf({ [first]: 'x', [`./${second}`]: 'y' }),
    ]) {
      const { data, send } = await startReceiver();
      expect(await refusal(await send(body))).toMatchObject({
        code: 'invalid_data',
        detail: expect.stringContaining('twice'),
      });
      expect(await readdir(data)).toEqual([]);
    }
  });
});

describe('an archive is refused', () => {
  const file = { name: 'a/1.jpg', data: 'x'.repeat(3000) };
  const sparse = tarOf({ name: 'pax', type: 'x', data: '22 GNU.sparse.major=1\n' }, file);
  const damagedZip = zipOf({ ...file, stated: { crc: 1 } });
  const tar = tarOf(file, { ...file, name: 'a/2.jpg' });
  test.each([
    [
      'with a symbolic link in a zip',
      zipOf(file, { name: 'a/l', data: '/etc/passwd', mode: 0o120777 }),
      'no file or folder',
    ],
    ['with a device in a zip', zipOf({ name: 'a/l', mode: 0o020666 }), 'no file or folder'],
    ['that is encrypted', zipOf({ ...file, flags: 1 }), 'encrypted'],
    [
      'with a symbolic link in a tar',
      tarOf(file, { name: 'a/l', type: '2', link: '/etc/passwd' }),
      'no file or folder',
    ],
    ['with a hard link', tarOf(file, { name: 'a/l', type: '1', link: 'a/1.jpg' }), 'no file or folder'],
    ['with a device', tarOf({ name: 'a/l', type: '3' }), 'no file or folder'],
    ['with a FIFO', gzipSync(tarOf({ name: 'a/l', type: '6' })), 'no file or folder'],
    ['with an old sparse file', tarOf({ name: 'a/l', type: 'S' }), 'no file or folder'],
    ['with a new sparse file', sparse, 'sparse'],
    [
      'with a long name that never ends',
      tarOf({ name: 'x', type: 'L', data: 'x'.repeat(2 * MIB) }, file),
      'no file or folder',
    ],
    ['whose bytes were changed', damagedZip, 'damaged'],
    ['whose files are larger than stated', zipOf({ ...file, stated: { size: 10 } }), 'too many bytes'],
    ['that ends early, as a zip', zipOf(file).subarray(0, -30), 'cannot be read'],
    ['that ends early, as a tar', tar.subarray(0, 5000), 'damaged'],
    ['that ends early, as gzip', gzipSync(tar).subarray(0, -20), 'damaged or ends early'],
    ['with a damaged head', Buffer.concat([tar.subarray(0, 3584), Buffer.from('x'), tar.subarray(3585)]), 'damaged'],
    ['that is packed twice', gzipSync(gzipSync(tar)), 'no tar archive'],
    ['that is gzip and nothing more', gzipSync('hello'), 'no tar archive'],
    ['of another kind', Buffer.from('fd377a585a000000', 'hex'), 'the kind xz'],
    ['that is a picture', Buffer.from('\xff\xd8\xff\xe0', 'latin1'), 'neither a form nor an archive'],
  ])('%s', async (_case, archive, detail) => {
    const { data, send } = await startReceiver();
    const response = await send(asBody(archive));
    expect(response.status).toBe(422);
    expect(await refusal(response)).toMatchObject({ code: 'invalid_data', detail: expect.stringContaining(detail) });
    expect(await readdir(data)).toEqual([]);
  });

  test('that is a bomb: by the bytes it becomes, and by their ratio', async () => {
    const zeros = Array.from({ length: 70 }, (_, i) => ({ name: `a/${i}.jpg`, data: Buffer.alloc(MIB) }));
    for (const bomb of [zipOf(...zeros), gzipSync(tarOf(...zeros))]) {
      const limited = await startReceiver();
      expect(await codeOf(await limited.send(asBody(bomb)))).toBe('too_many_bytes');
      const roomy = await startReceiver({ bytes: 1024 * MIB });
      expect(await refusal(await roomy.send(asBody(bomb)))).toMatchObject({
        code: 'invalid_data',
        detail: expect.stringContaining('more than 100 times'),
      });
      for (const { data } of [limited, roomy]) expect(await readdir(data)).toEqual([]);
    }
  });
});

describe('a body is refused', () => {
  test.each([
    ['that is empty', '', {}, 'empty_body'],
    ['that is a form without files', formOf({}, { id: 'x' }), {}, 'no_image'],
    ['that is a form with a name without a folder', formOf({ '1.jpg': 'x' }), {}, 'invalid_request'],
    ['that is a form with an unknown parameter', formOf({ 'a/1.jpg': 'x' }, { colour: 'x' }), {}, 'unexpected_field'],
    [
      'that is a form with a long parameter',
      formOf({ 'a/1.jpg': 'x' }, { id: 'x'.repeat(2000) }),
      {},
      'invalid_request',
    ],
    ['that is a form with two archives', formOf({ 'a.zip': 'x', 'b.zip': 'x' }), {}, 'invalid_data'],
    ['that is a form with an archive and a picture', formOf({ 'a.zip': 'x', 'b/1.jpg': 'x' }), {}, 'invalid_data'],
    [
      'that is a form which ends early',
      asBody(part('name="f"; filename="a/1.jpg"', 'x')),
      { 'content-type': FORM },
      'malformed_body',
    ],
    ['whose encoding is unknown', 'x', { 'content-encoding': 'zstd' }, 'unsupported_encoding'],
    ['that is not in its encoding', 'x'.repeat(100), { 'content-encoding': 'gzip' }, 'malformed_body'],
    ['that is too large', formOf({ 'a/1.jpg': 'x'.repeat(17 * MIB) }), {}, 'too_many_bytes'],
    [
      'that inflates to too much',
      asBody(gzipSync(Buffer.alloc(20 * MIB))),
      { 'content-encoding': 'gzip' },
      'too_many_bytes',
    ],
  ])('%s', async (_case, body, headers, code) => {
    const { data, send } = await startReceiver();
    expect(await codeOf(await send(body, headers))).toBe(code);
    expect(await readdir(data)).toEqual([]);
  });

  test('that the disk has no room for, before it is read', async () => {
    const { port, data } = await startReceiver({ bytes: 1e15 });
    const socket = await openSocket(port);
    socket.write(`POST /set HTTP/1.1\r\nhost: x\r\ncontent-length: ${1e15 - 1}\r\n\r\nx`);
    expect(await readReply(socket)).toMatchObject({ status: 507, body: expect.stringContaining('too_little_disk') });
    expect(await readdir(data)).toEqual([]);
  });

  test('when the folder is there already; what it holds stays', async () => {
    const { data, send } = await startReceiver();
    expect((await send(formOf({ 'a/1.jpg': 'x' }))).status).toBe(200);
    expect(await codeOf(await send(formOf({ 'a/2.jpg': 'y' })))).toBe('io_error');
    expect(await filesOf(data)).toEqual({ 'set/a/1.jpg': 'x' });
  });
});

describe('an upload that ends early', () => {
  const head = (length: number) =>
    Buffer.from(`POST /set HTTP/1.1\r\nhost: x\r\ncontent-type: ${FORM}\r\ncontent-length: ${length}\r\n\r\n`);
  const begun = part('name="f"; filename="a/1.jpg"', 'x'.repeat(100_000));

  test.each([0, 1000, 70_000])('after %i bytes leaves nothing', async (bytes) => {
    const { data, port } = await startReceiver();
    const socket = await openSocket(port);
    socket.write(Buffer.concat([head(1_000_000), begun.subarray(0, bytes)]));
    await until(async () => (await readdir(data)).length === 1, 'the folder of the upload');
    socket.destroy();
    await until(async () => (await readdir(data)).length === 0, 'the folder to go');
  });

  test('because it is too slow, or takes too long, is told so', async () => {
    for (const rules of [{ uploadTimeoutMs: 600 }, { timeoutMs: 300 }]) {
      const { data, port } = await startReceiver(rules);
      const socket = await openSocket(port);
      socket.write(Buffer.concat([head(1_000_000), begun.subarray(0, 1000)]));
      expect(await readReply(socket)).toMatchObject({ status: 408, body: expect.stringContaining('upload_timeout') });
      expect(await readdir(data)).toEqual([]);
    }
  });

  test('in too many pieces is refused', async () => {
    const { data, port } = await startReceiver();
    const socket = await openSocket(port);
    socket.write(`POST /set HTTP/1.1\r\nhost: x\r\ncontent-type: ${FORM}\r\ntransfer-encoding: chunked\r\n\r\n`);
    socket.write('1\r\n-\r\n'.repeat(20_000));
    expect(await readReply(socket)).toMatchObject({ status: 400, body: expect.stringContaining('malformed_body') });
    expect(await readdir(data)).toEqual([]);
  });
});

test('an upload may take longer than other requests, and the next one on its connection not', async () => {
  const { data, port } = await startReceiver({ requestTimeout: 300 });
  const socket = await openSocket(port);
  const body = Buffer.concat([part('name="f"; filename="a/1.jpg"', 'x'.repeat(100_000)), end]);
  const [head, all] = post('/set', { 'content-type': FORM }, body) as [Uint8Array, Uint8Array];
  socket.write(head);
  for (let at = 0; at < all.length; at += 10_000) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    socket.write(all.subarray(at, at + 10_000));
  }
  expect(await readReply(socket)).toMatchObject({ status: 200 });
  expect(Object.keys(await filesOf(data))).toEqual(['set/a/1.jpg']);
  socket.write('POST /other HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n');
  socket.resume();
  await once(socket, 'end');
});
