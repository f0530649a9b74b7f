import { once } from 'node:events';
import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { describe, expect, test } from 'vitest';
import { ByteBudget } from '../../src/http/byte-budget.js';
import { readImages } from '../../src/http/upload.js';

describe('a plain body', () => {
  const limits = { maxBytes: 100, maxImages: 1 };

  function read(body: Readable) {
    const request = { isMultipart: () => false, headers: {}, body, raw: body } as unknown as FastifyRequest;
    return readImages(request, limits, new ByteBudget(1000).open(), new AbortController().signal);
  }

  test('is all of its chunks', async () => {
    const [image] = await read(Readable.from([Buffer.from('ab'), Buffer.from('c')]));
    expect(image?.bytes).toEqual(Buffer.from('abc'));
  });

  test('that was cut off before anybody listened is malformed, and nobody waits for its end', async () => {
    const body = new Readable({ read() {} });
    body.destroy();
    await once(body, 'close');
    await expect(read(body)).rejects.toMatchObject({ code: 'malformed_body' });
  });
});
