import { once } from 'node:events';
import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { describe, expect, test } from 'vitest';
import { MenagerieError } from '../../../src/core/errors.js';
import { ByteBudget } from '../../../src/http/body/memory/byte-budget.js';
import { readBody } from '../../../src/http/body/read-body.js';

describe('a plain body', () => {
  function read(raw: Readable, signal = new AbortController().signal) {
    const account = new ByteBudget(10_000).open({ address: 'a', declared: 3 });
    const rules = { maxBytes: 100, maxImages: 1, parameterNames: new Set<string>(), account };
    return readBody({ headers: {}, raw } as unknown as FastifyRequest, rules, signal);
  }

  test('is all of its chunks', async () => {
    const { images } = await read(Readable.from([Buffer.from('ab'), Buffer.from('c')]));
    expect(images.map(({ bytes }) => Buffer.from(bytes.slice(0, 9)).toString())).toEqual(['abc']);
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
