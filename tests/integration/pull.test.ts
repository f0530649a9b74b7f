import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openRepository } from '../../src/zoo/open-repository.js';
import { type PullOptions, pull } from '../../src/zoo/pulling/pull.js';
import type { ModelFolder } from '../../src/zoo/repository.js';
import { findVariant, isPulled, weightsPath } from '../../src/zoo/weights.js';
import { manifestOf, sha256, temporaryFolder, writeTree } from '../support/model-folders.js';

const BYTES = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7919) >> 3);
const WRONG = BYTES.toReversed();
const STEM = `net.onnx.${sha256(BYTES).slice(0, 12)}`;
const HOST = hostname().replace(/[^A-Za-z0-9]+/g, '_');

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** A server on loopback that gives one answer after the other, the last one for ever, and keeps the requests. */
async function serve(...answers: Answer[]) {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    (answers.length > 1 ? (answers.shift() as Answer) : (answers[0] as Answer))(response, request);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url: `http://${host}/zoo/net.onnx`, base: `http://${host}/mirror`, host, requests };
}

const status =
  (code: number): Answer =>
  (response) =>
    response.writeHead(code).end('no');

const whole =
  (bytes: Uint8Array = BYTES, headers: Record<string, string> = {}): Answer =>
  (response) =>
    response.writeHead(200, { 'content-length': bytes.length, ...headers }).end(bytes);

/** Announces everything, sends `count` bytes, then cuts the connection. */
const cutAfter =
  (count: number, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(200, { 'content-length': BYTES.length, ...headers });
    response.write(BYTES.subarray(0, count), () => setImmediate(() => response.destroy()));
  };

/** Sends `count` bytes and then nothing more. */
const stallAfter =
  (count: number): Answer =>
  (response) => {
    response.writeHead(200, { 'content-length': BYTES.length });
    response.write(BYTES.subarray(0, count));
  };

/** Honours `Range`. */
const ranges: Answer = (response, request) => {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  if (from === 0) return whole()(response, request);
  const rest = BYTES.subarray(from);
  const range = `bytes ${from}-${BYTES.length - 1}/${BYTES.length}`;
  response.writeHead(206, { 'content-length': rest.length, 'content-range': range }).end(rest);
};

async function modelFor(url?: string, changes: object = {}): Promise<ModelFolder> {
  const root = await temporaryFolder();
  const fp32 = { file: 'net.onnx', sha256: sha256(BYTES), bytes: BYTES.length, ...(url && { url }), ...changes };
  await writeTree(root, { 'm/manifest.json': manifestOf('m', { variants: { fp32 } }), 'm/labels.txt': 'one' });
  return (await openRepository([root])).models.get('m') as ModelFolder;
}

/** No waiting between tries; stalls are not what is tested unless a test says so. */
const PATIENCE = { tries: 3, stallMs: 60_000, wait: async () => {} };

const pullIt = (model: ModelFolder, options: PullOptions = {}) =>
  pull(model, findVariant(model), { patience: PATIENCE, ...options });

const content = (model: ModelFolder) => readFile(weightsPath(model, findVariant(model)));

/** What lies in the model's folder besides what was put there. */
async function others(model: ModelFolder): Promise<string[]> {
  return (await readdir(model.folder)).filter((name) => !['manifest.json', 'labels.txt', 'net.onnx'].includes(name));
}

async function expectPulled(model: ModelFolder): Promise<void> {
  expect(sha256(await content(model))).toBe(sha256(BYTES));
  expect(await others(model)).toEqual([]);
}

describe('a variant with external data', () => {
  const DATA = BYTES.subarray(0, 70_000);
  const variant = (url: string) => ({
    external_data: [{ file: 'net.onnx.data', url: `${url}.data`, sha256: sha256(DATA), bytes: DATA.length }],
  });

  it('is fetched whole, with one progress, and is there only when every file is', async () => {
    const server = await serve(whole(), whole(DATA), whole(DATA));
    const model = await modelFor(server.url, variant(server.url));
    const seen: [number, number][] = [];
    const pulled = await pullIt(model, { onProgress: ({ received, total }) => seen.push([received, total]) });
    expect(pulled).toMatchObject({ status: 'pulled', failures: [] });
    expect(seen.at(-1)).toEqual([370_000, 370_000]);
    expect(server.requests.map(({ url }) => url)).toEqual(['/zoo/net.onnx', '/zoo/net.onnx.data']);
    expect(await pullIt(model)).toEqual({ status: 'already_present' });
    expect(await isPulled(model, findVariant(model))).toBe(true);

    await writeFile(join(model.folder, 'net.onnx.data'), DATA.subarray(1));
    expect(await isPulled(model, findVariant(model))).toBe(false);
    expect(await pullIt(model)).toMatchObject({ status: 'pulled' });
    expect(sha256(await readFile(join(model.folder, 'net.onnx.data')))).toBe(sha256(DATA));
  });
});

describe('a download', () => {
  it('fetches, reports progress, and finds the file there the next time', async () => {
    const server = await serve(whole());
    const model = await modelFor(server.url);
    const seen: number[] = [];
    const onProgress = ({ received, total }: { received: number; total: number }) => {
      expect(total).toBe(BYTES.length);
      seen.push(received);
    };
    expect(await pullIt(model, { onProgress })).toEqual({ status: 'pulled', source: server.url, failures: [] });
    await expectPulled(model);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect([seen[0], seen.at(-1)]).toEqual([0, BYTES.length]);
    expect(await pullIt(model)).toEqual({ status: 'already_present' });
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]?.headers).toMatchObject({ 'accept-encoding': 'identity' });
  });

  it('replaces a file that is there and wrong', async () => {
    const server = await serve(whole());
    const model = await modelFor(server.url);
    await writeFile(weightsPath(model, findVariant(model)), WRONG);
    expect(await pullIt(model)).toMatchObject({ status: 'pulled' });
    await expectPulled(model);
  });

  it('is tried again after 500 and 503', async () => {
    const server = await serve(status(500), status(503), whole());
    const model = await modelFor(server.url);
    await pullIt(model);
    await expectPulled(model);
  });

  it('continues after a cut with the rest only, bound to the same version', async () => {
    const server = await serve(cutAfter(100_000, { etag: '"v1"' }), ranges);
    const model = await modelFor(server.url);
    const seen: number[] = [];
    await pullIt(model, { onProgress: ({ received }) => seen.push(received) });
    await expectPulled(model);
    const { range, 'if-range': ifRange } = server.requests[1]?.headers ?? {};
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1]);
    expect(from).toBeGreaterThan(0);
    expect(from).toBeLessThanOrEqual(100_000);
    expect(ifRange).toBe('"v1"');
    // Every byte came once.
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  });

  it('starts again where Range is ignored', async () => {
    const server = await serve(cutAfter(100_000), whole());
    const model = await modelFor(server.url);
    await pullIt(model);
    await expectPulled(model);
    expect(server.requests[1]?.headers.range).toMatch(/^bytes=\d+-$/);
  });

  it.each([
    ['another range', { 'content-range': `bytes 5-${BYTES.length - 1}/${BYTES.length}` }],
    ['another file', { 'content-range': `bytes 100000-299999/999999` }],
    ['no range', {}],
    ['a compressed range', { 'content-range': `bytes 100000-299999/300000`, 'content-encoding': 'gzip' }],
  ])('starts again where 206 brings %s', async (_, headers) => {
    const server = await serve((response) => response.writeHead(206, headers).end(BYTES.subarray(100_000)), whole());
    const model = await modelFor(server.url);
    await writeFile(join(model.folder, `${STEM}.partial`), BYTES.subarray(0, 100_000));
    await pullIt(model);
    await expectPulled(model);
    expect(server.requests.map(({ headers }) => headers.range)).toEqual(['bytes=100000-', undefined]);
  });

  it('starts again after 416', async () => {
    const server = await serve(status(416), whole());
    const model = await modelFor(server.url);
    await writeFile(join(model.folder, `${STEM}.partial`), BYTES.subarray(0, 100_000));
    await pullIt(model);
    await expectPulled(model);
  });

  it('gives up a connection that stalls, and continues on a new one', async () => {
    const server = await serve(stallAfter(100_000), ranges);
    const model = await modelFor(server.url);
    await pullIt(model, { patience: { ...PATIENCE, stallMs: 300 } });
    await expectPulled(model);
    expect(server.requests).toHaveLength(2);
  });

  it('gives up a server that never answers', async () => {
    const server = await serve(() => {});
    const model = await modelFor(server.url);
    await expect(pullIt(model, { patience: { ...PATIENCE, stallMs: 50 } })).rejects.toMatchObject({
      code: 'download_failed',
      message: `m (fp32): ${server.url}: nothing came for 0.05 s (after 3 tries)`,
    });
    expect(server.requests).toHaveLength(3);
    expect(await others(model)).toEqual([]);
  });

  it('gives up after some tries, naming address and status', async () => {
    const server = await serve(status(502));
    const model = await modelFor(server.url);
    await expect(pullIt(model)).rejects.toMatchObject({
      code: 'download_failed',
      message: `m (fp32): ${server.url}: HTTP 502 (Bad Gateway) (after 3 tries)`,
    });
  });

  it('waits longer and longer between tries', async () => {
    const server = await serve(status(502));
    const waits: number[] = [];
    const wait = async (failures: number) => void waits.push(failures);
    await expect(pullIt(await modelFor(server.url), { patience: { ...PATIENCE, wait } })).rejects.toThrow();
    expect(waits).toEqual([1, 2]);
  });

  it('does not try again what cannot change: 404', async () => {
    const server = await serve(status(404));
    const model = await modelFor(server.url);
    await expect(pullIt(model)).rejects.toThrow(`m (fp32): ${server.url}: HTTP 404 (Not Found)`);
    expect(server.requests).toHaveLength(1);
  });

  it('says so where nothing listens', async () => {
    const model = await modelFor('http://127.0.0.1:1/net.onnx');
    await expect(pullIt(model)).rejects.toMatchObject({ code: 'download_failed' });
  });

  it('follows redirects', async () => {
    const server = await serve((response) => response.writeHead(302, { location: '/there' }).end(), whole());
    const model = await modelFor(server.url);
    await pullIt(model);
    await expectPulled(model);
  });

  it('sends a user in the address as credentials and never names them', async () => {
    const server = await serve(status(403));
    const model = await modelFor(`http://me:s%40cret@${server.host}/net.onnx?token=hidden`);
    const error = await pullIt(model).catch((e: unknown) => e as Error);
    expect(String(error)).toContain(`http://${server.host}/net.onnx: HTTP 403 (Forbidden)`);
    expect(String(error)).not.toMatch(/me:|s%40cret|hidden/);
    const expected = `Basic ${Buffer.from('me:s@cret').toString('base64')}`;
    expect(server.requests[0]?.headers.authorization).toBe(expected);
  });
});

describe('wrong bytes', () => {
  it('of another length are refused before they are fetched', async () => {
    const server = await serve(whole(BYTES.subarray(1)));
    const model = await modelFor(server.url);
    await expect(pullIt(model)).rejects.toMatchObject({
      code: 'size_mismatch',
      message: `m (fp32): ${server.url}: has 299999 bytes, the manifest states 300000`,
    });
    expect(await others(model)).toEqual([]);
  });

  it('that never end are cut off at the stated size', async () => {
    const server = await serve((response) => {
      response.writeHead(200);
      const more = () => {
        while (!response.destroyed && response.write(BYTES));
      };
      response.on('drain', more);
      more();
    });
    const model = await modelFor(server.url);
    const sizes: number[] = [];
    const pulling = pullIt(model, { onProgress: ({ received }) => sizes.push(received) });
    await expect(pulling).rejects.toMatchObject({ code: 'size_mismatch' });
    expect(Math.max(...sizes)).toBeLessThanOrEqual(BYTES.length);
    expect(await others(model)).toEqual([]);
  });

  it('are deleted and named as such', async () => {
    const server = await serve(whole(WRONG));
    const model = await modelFor(server.url);
    await expect(pullIt(model)).rejects.toMatchObject({
      code: 'checksum_mismatch',
      message: `m (fp32): ${server.url}: the SHA-256 is ${sha256(WRONG)}, the manifest states ${sha256(BYTES)}`,
    });
    expect(await readdir(model.folder)).toEqual(['labels.txt', 'manifest.json']);
  });

  it('left by an earlier pull are fetched anew', async () => {
    const server = await serve(ranges);
    const model = await modelFor(server.url);
    await writeFile(join(model.folder, `${STEM}.partial`), WRONG.subarray(0, 100_000));
    await pullIt(model);
    await expectPulled(model);
    expect(server.requests.map(({ headers }) => headers.range)).toEqual(['bytes=100000-', undefined]);
  });

  it('longer than the file are dropped', async () => {
    const server = await serve(ranges);
    const model = await modelFor(server.url);
    await writeFile(join(model.folder, `${STEM}.partial`), Buffer.concat([BYTES, BYTES]));
    await pullIt(model);
    await expectPulled(model);
  });
});

describe('a pull that is broken off', () => {
  it('by its signal leaves what it has for the next', async () => {
    const server = await serve(stallAfter(100_000), ranges);
    const model = await modelFor(server.url);
    const stop = new AbortController();
    const reason = new Error('enough');
    const onProgress = ({ received }: { received: number }) => received > 0 && stop.abort(reason);
    await expect(pullIt(model, { signal: stop.signal, onProgress })).rejects.toBe(reason);
    expect(await others(model)).toEqual([`${STEM}.partial`]);
    const { length } = await readFile(join(model.folder, `${STEM}.partial`));
    await pullIt(model);
    await expectPulled(model);
    expect(server.requests[1]?.headers.range).toBe(`bytes=${length}-`);
  });

  it('while waiting for the next try does not try again', async () => {
    const server = await serve(status(500));
    const model = await modelFor(server.url);
    const stop = new AbortController();
    const reason = new Error('enough');
    const wait = async (_: number, signal: AbortSignal | undefined) => {
      setImmediate(() => stop.abort(reason));
      await sleep(60_000, undefined, signal && { signal });
    };
    const pulling = pullIt(model, { signal: stop.signal, patience: { ...PATIENCE, wait } });
    await expect(pulling).rejects.toBe(reason);
    expect(server.requests).toHaveLength(1);
  });

  it('by the death of its process is continued; the file of a living one is left alone', async () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    const living = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    onTestFinished(() => void living.kill());
    const server = await serve(ranges);
    const model = await modelFor(server.url);
    const theirs = `${STEM}.${HOST}-${living.pid}-01234567.partial`;
    const abroad = `${STEM}.elsewhere-1-01234567.partial`;
    await writeTree(model.folder, {
      [`${STEM}.${HOST}-${dead}-01234567.partial`]: BYTES.subarray(0, 120_000),
      [`${STEM}.partial`]: BYTES.subarray(0, 50_000),
      'net.onnx.aaaaaaaaaaaa.partial': 'of older weights',
      [theirs]: BYTES.subarray(0, 200_000),
      [abroad]: BYTES.subarray(0, 200_000),
    });
    await pullIt(model);
    expect(server.requests.map(({ headers }) => headers.range)).toEqual(['bytes=120000-']);
    expect(sha256(await content(model))).toBe(sha256(BYTES));
    expect(await others(model)).toEqual([theirs, abroad].sort());
  });
});

describe('two pulls at once', () => {
  it('both succeed and leave one right file', async () => {
    const server = await serve(cutAfter(60_000), cutAfter(90_000), ranges);
    const model = await modelFor(server.url);
    await writeFile(join(model.folder, `${STEM}.partial`), BYTES.subarray(0, 10_000));
    const results = await Promise.all([pullIt(model), pullIt(model), pullIt(model)]);
    expect(results.map((result) => result.status)).toEqual(['pulled', 'pulled', 'pulled']);
    await expectPulled(model);
  });
});

describe('a mirror', () => {
  it('that is a folder is copied from', async () => {
    const folder = await temporaryFolder();
    const model = await modelFor();
    await writeFile(join(folder, 'net.onnx'), BYTES);
    const result = await pullIt(model, { mirror: `file:${folder}` });
    expect(result).toEqual({ status: 'pulled', source: join(folder, 'net.onnx'), failures: [] });
    await expectPulled(model);
  });

  it('that is a server comes before the url', async () => {
    const [mirror, origin] = [await serve(whole()), await serve(whole())];
    const model = await modelFor(origin.url, { file: 'sub/net 1.onnx' });
    await pullIt(model, { mirror: `${mirror.base}/` });
    expect(sha256(await content(model))).toBe(sha256(BYTES));
    expect([mirror.requests.map(({ url }) => url), origin.requests]).toEqual([['/mirror/net%201.onnx'], []]);
  });

  it.each<[string, Answer, string]>([
    ['has no such file', status(404), 'HTTP 404'],
    ['has wrong bytes', whole(WRONG), 'the SHA-256 is'],
    ['has a file of another size', whole(BYTES.subarray(1)), 'has 299999 bytes'],
    ['cuts off for ever', cutAfter(1000), '(after 3 tries)'],
  ])('that %s is named, and the url asked', async (_, answer, reason) => {
    const [mirror, origin] = [await serve(answer), await serve(ranges)];
    const model = await modelFor(origin.url);
    const result = await pullIt(model, { mirror: mirror.base });
    const failures = [expect.stringContaining(reason)];
    expect(result).toEqual({ status: 'pulled', source: origin.url, failures });
    expect(JSON.stringify(result)).toContain(`"${mirror.base}/net.onnx: `);
    await expectPulled(model);
  });

  it('is named together with the url where both fail', async () => {
    const origin = await serve(status(404));
    const folder = await temporaryFolder();
    const model = await modelFor(origin.url);
    await expect(pullIt(model, { mirror: pathToFileURL(folder).href })).rejects.toMatchObject({
      code: 'download_failed',
      message: `m (fp32): cannot read ${folder}/net.onnx: it is not there; ${origin.url}: HTTP 404 (Not Found)`,
    });
  });

  it('folder with a file of another size is refused', async () => {
    const folder = await temporaryFolder();
    for (const bytes of [BYTES.subarray(1), Buffer.concat([BYTES, BYTES])]) {
      await writeFile(join(folder, 'net.onnx'), bytes);
      const pulling = pullIt(await modelFor(), { mirror: `file:${folder}` });
      await expect(pulling).rejects.toMatchObject({ code: 'size_mismatch' });
    }
  });

  it.each(['models', 'ftp://host/x', 'file://host/x'])('must be a http, https or file address: %s', async (mirror) => {
    await expect(pullIt(await modelFor(), { mirror })).rejects.toMatchObject({ code: 'invalid_config' });
  });
});

describe('a pull that cannot be', () => {
  it('says that there is no address', async () => {
    await expect(pullIt(await modelFor())).rejects.toThrow('m (fp32): its manifest has no url, and no mirror is set');
  });

  it('says that the manifest gives nothing to check by', async () => {
    const model = await modelFor(undefined, { sha256: undefined });
    await expect(pullIt(model)).rejects.toThrow('its manifest states no sha256 and bytes');
  });

  it('says that the target is a folder', async () => {
    const server = await serve(whole());
    const model = await modelFor(server.url);
    await mkdir(weightsPath(model, findVariant(model)));
    await expect(pullIt(model)).rejects.toMatchObject({ code: 'io_error' });
  });

  it.skipIf(!existsSync('/dev/full'))('says that the disk is full, and does not ask other sources', async () => {
    const [mirror, origin] = [await serve(whole()), await serve(whole())];
    const model = await modelFor(origin.url);
    await symlink('/dev/full', join(model.folder, `${STEM}.partial`));
    await expect(pullIt(model, { mirror: mirror.base })).rejects.toMatchObject({
      code: 'io_error',
      message: expect.stringMatching(/^cannot write .*\.partial: the disk is full$/),
    });
    expect(origin.requests).toEqual([]);
  });

  // Root may write anywhere.
  it.skipIf(process.getuid?.() === 0)('says that the folder is not writable', async () => {
    const server = await serve(whole());
    const model = await modelFor(server.url);
    await chmod(model.folder, 0o500);
    onTestFinished(() => chmod(model.folder, 0o700));
    await expect(pullIt(model)).rejects.toMatchObject({
      code: 'io_error',
      message: expect.stringContaining('permission denied'),
    });
  });
});
