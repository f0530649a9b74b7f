import type { Duplex } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import type { FastifyRequest } from 'fastify';
import { MenagerieError } from '../../core/errors.js';
import type { ByteAccount } from './memory/byte-budget.js';

interface Encoding {
  /** Most bytes that a decoder takes besides its output. */
  memory: number;
  open(): Duplex;
}

const CHUNK = 64 * 1024;
/** A window of 32 KiB, the state beside it, and two chunks. */
const DEFLATE_MEMORY = 64 * 1024 + 2 * CHUNK;
/** The largest window (RFC 7932, 9.1), and two chunks. */
const BROTLI_MEMORY = 16 * 1024 * 1024 + 2 * CHUNK;

const gzip: Encoding = { memory: DEFLATE_MEMORY, open: () => createGunzip({ chunkSize: CHUNK }) };
const ENCODINGS: ReadonlyMap<string, Encoding> = new Map([
  ['gzip', gzip],
  ['x-gzip', gzip],
  ['deflate', { memory: DEFLATE_MEMORY, open: () => createInflate({ chunkSize: CHUNK }) }],
  ['br', { memory: BROTLI_MEMORY, open: () => createBrotliDecompress({ chunkSize: CHUNK }) }],
]);

/** The value of Accept-Encoding in a reply: what a body may be encoded with. */
export const ACCEPTED_ENCODINGS = 'gzip, deflate, br';

/** The Content-Encoding of a body in lower case; undefined if it is not encoded. */
export function encodingOf({ headers }: FastifyRequest): string | undefined {
  const name = headers['content-encoding']?.trim().toLowerCase() ?? '';
  return name === '' || name === 'identity' ? undefined : name;
}

/**
 * A stream that decodes a body.
 * @param account charged for the memory of the decoder
 * @throws MenagerieError `unsupported_encoding`, `overloaded`
 */
export function openDecoder(encoding: string, account: ByteAccount): Duplex {
  const known = ENCODINGS.get(encoding);
  if (!known) {
    throw new MenagerieError(
      'unsupported_encoding',
      `The Content-Encoding is "${encoding.slice(0, 64)}"; send the body as it is, or with one of ${ACCEPTED_ENCODINGS}.`,
    );
  }
  account.take(known.memory);
  return known.open();
}
