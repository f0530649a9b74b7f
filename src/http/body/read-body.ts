import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { MenagerieError } from '../../core/errors.js';
import type { StopSignal } from '../../core/queues/stop-signal.js';
import { ChunkCount, LEAST_BYTES } from './chunk-count.js';
import { encodingOf, openDecoder } from './content-encoding.js';
import { type Body, type BodyReader, type BodyRules, HOW_TO_SEND } from './readers/body-reader.js';
import { FormReader } from './readers/form-reader.js';
import { JsonReader } from './readers/json-reader.js';
import { PictureReader, tooManyBytes } from './readers/picture-writer.js';

/** First bytes of the formats that are accepted, in hexadecimal: AVIF, GIF, TIFF (two), WebP, PNG, JPEG. Neither forms nor JSON begin so. */
const PICTURE_STARTS: ReadonlySet<number | undefined> = new Set([0x00, 0x47, 0x49, 0x4d, 0x52, 0x89, 0xff]);
const BRACE = 0x7b;
/** Content-Types of a body that is one picture, and nothing else. */
const PICTURE_TYPE = /^(image\/|application\/octet-stream)/i;
/** Bytes of a form or of JSON besides its pictures, and the growth of a picture in base64 with line breaks. */
const LARGEST = { besides: 1024 * 1024, growth: 1.4 };

/** Content-Length of a request, in bytes; undefined if it has none, or if it does not say how large the body is when decoded. */
export function declaredLength(request: FastifyRequest): number | undefined {
  const length = request.headers['content-length'];
  return length === undefined || encodingOf(request) !== undefined ? undefined : Number(length);
}

/** Whether a body may hold more than a picture, as far as its Content-Type says. */
export function mayHoldParameters({ headers }: FastifyRequest): boolean {
  return !PICTURE_TYPE.test(headers['content-type'] ?? '');
}

/**
 * Reads the body of a request: a picture, a form or JSON. Its first byte decides before its Content-Type does, because many clients
 * send a type that nobody chose.
 * @param signal aborts reading; its reason is thrown
 * @throws MenagerieError `empty_body`, `no_image`, `unexpected_field`, `invalid_request`, `malformed_body`, `too_many_bytes`,
 *   `too_many_images`, `unsupported_encoding`, `overloaded`, or the signal's reason
 */
export async function readBody(request: FastifyRequest, rules: BodyRules, signal: StopSignal): Promise<Body> {
  const { raw } = request;
  const { account, maxBytes, maxImages } = rules;
  const limit = mayHoldParameters(request) ? maxImages * maxBytes * LARGEST.growth + LARGEST.besides : maxBytes;
  if ((declaredLength(request) ?? 0) > limit) throw tooManyBytes('The body', Math.floor(limit));
  const encoding = encodingOf(request);
  const decoder = encoding === undefined ? undefined : openDecoder(encoding, account);
  const source: Readable = decoder ? raw.pipe(decoder) : raw;
  let stop = () => {};
  try {
    return await new Promise((resolve, reject) => {
      let reader: BodyReader | undefined;
      let received = 0;
      // By events, because iteration takes ten times as long.
      const onData = (chunk: Buffer) => {
        try {
          received += chunk.length;
          if (received > limit) throw tooManyBytes('The body', Math.floor(limit));
          reader ??= readerFor(chunk, request, rules);
          reader.add(chunk);
          if (!reader.complete) return;
          resolve(reader.end());
        } catch (error) {
          reject(error);
        }
        source.off('data', onData);
      };
      const onAbort = () => reject(signal.reason);
      stop = () => {
        source.off('data', onData);
        signal.removeEventListener('abort', onAbort);
      };
      // First, and beside the stream, which may never end.
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
      source.on('data', onData);
      whenRead(source, (error) => {
        try {
          if (error) throw bodyFault(encoding, error);
          if (!reader) throw new MenagerieError('empty_body', `The body is empty. ${HOW_TO_SEND}`);
          resolve(reader.end());
        } catch (fault) {
          reject(fault);
        }
      });
      if (decoder) whenRead(raw, (error) => error && reject(bodyFault(undefined, error)));
      rejectTooFine(request, reject);
    });
  } finally {
    stop();
    raw.unpipe();
    decoder?.destroy();
    // Drops the rest of the body as it arrives: the next request on the connection follows it.
    raw.resume();
  }
}

/** Calls back when a stream has been read completely, or with an error when it ended early; perhaps more than once. */
function whenRead(source: Readable, callback: (error?: Error) => void): void {
  const closed = () => {
    if (!source.readableEnded) callback(new Error('the stream was closed'));
  };
  source.once('end', () => callback());
  source.on('error', callback);
  source.once('close', closed);
  if (source.destroyed) closed();
}

function readerFor([first]: Uint8Array, { headers }: FastifyRequest, rules: BodyRules): BodyReader {
  const type = headers['content-type'] ?? '';
  if (!PICTURE_STARTS.has(first)) {
    if (/^multipart\//i.test(type)) return new FormReader(type, rules);
    if (first === BRACE || /^[^;]*\bjson\b/i.test(type)) return new JsonReader(rules);
  }
  return new PictureReader(rules);
}

/** Calls `reject` when a body has so many small chunks that parsing them would delay all other requests. */
export function rejectTooFine({ raw, headers }: FastifyRequest, reject: (error: MenagerieError) => void): void {
  if (headers['transfer-encoding'] === undefined) return;
  const count = new ChunkCount();
  const onData = (chunk: Buffer) => {
    if (!count.add(chunk)) return;
    raw.off('data', onData);
    const detail = `The body comes in too many small chunks; send it in chunks of at least ${LEAST_BYTES} bytes.`;
    reject(new MenagerieError('malformed_body', detail));
  };
  raw.on('data', onData);
}

/** The error for a body that cannot be decoded, or whose connection was lost. */
export function bodyFault(encoding: string | undefined, cause: unknown): MenagerieError {
  const detail =
    encoding === undefined
      ? 'The body ended early.'
      : `The body is not what its Content-Encoding "${encoding}" says, or ended early.`;
  return new MenagerieError('malformed_body', detail, { cause });
}
