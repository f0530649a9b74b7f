import { once } from 'node:events';
import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { describe, expect, test } from 'vitest';
import { MenagerieError } from '../../../src/core/errors.js';
import { ByteBudget } from '../../../src/http/body/byte-budget.js';
import { readImages } from '../../../src/http/body/upload.js';

describe('a plain body', () => {
  const limits = { maxBytes: 100, maxImages: 1 };

  function read(body: Readable, signal = new AbortController().signal) {
    const request = { isMultipart: () => false, headers: {}, body, raw: body } as unknown as FastifyRequest;
    return readImages(request, limits, new ByteBudget(10_000).open({ address: 'a', declared: 3 }), signal);
  }

  test('is all of its chunks', async () => {
    const [image] = await read(Readable.from([Buffer.from('ab'), Buffer.from('c')]));
    expect(Buffer.from(image?.bytes.slice(0, 9) ?? [])).toEqual(Buffer.from('abc'));
  });

  test('that was cut off before anybody listened is malformed, and nobody waits for its end', async () => {
    const body = new Readable({ read() {} });
    body.destroy();
    await once(body, 'close');
    await expect(read(body)).rejects.toMatchObject({ code: 'malformed_body' });
  });

  test('that is cut off when nobody wants it any more is no unhandled rejection', async () => {
    const body = new Readable({ read() {} });
    body.destroy();
    const reason = new MenagerieError('client_closed_request', 'gone');
    await expect(read(body, AbortSignal.abort(reason))).rejects.toBe(reason);
    // Node tells of those after the microtasks; the runner fails the file for one.
    await new Promise((resolve) => setImmediate(resolve));
  });
});
