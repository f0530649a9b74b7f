import { finished, Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { Pieces } from '../../core/byte-source.js';
import { MenagerieError } from '../../core/errors.js';
import type { ImageFile } from '../../serving/ticket.js';
import type { ByteAccount } from './byte-budget.js';
import { ChunkCount, LEAST_BYTES } from './chunk-count.js';
import { PieceWriter } from './piece-writer.js';

export interface UploadLimits {
  /** Most bytes of one picture. */
  maxBytes: number;
  /** Most pictures of one request. */
  maxImages: number;
}

/** The form field for pictures. */
const IMAGE_FIELD = 'image';
const MAX_NAME_LENGTH = 255;

/**
 * Reads the pictures of a request: the files of the form field `image`, or the whole body.
 * @param account charged for the bytes in memory
 * @param signal aborts reading; its reason is thrown
 * @throws MenagerieError `empty_body`, `no_image`, `unexpected_field`, `malformed_body`, `too_many_bytes`,
 *   `too_many_images`, `overloaded`, or the signal's reason
 */
export async function readImages(
  request: FastifyRequest,
  limits: UploadLimits,
  account: ByteAccount,
  signal: AbortSignal,
): Promise<ImageFile[]> {
  const read = request.isMultipart() ? readForm : readRaw;
  const reading = Promise.race([read(request, limits, account), tooFineChunks(request)]).catch((error: unknown) => {
    // Drop the rest of the body as it arrives: the next request on the connection follows it.
    request.raw.unpipe();
    request.raw.resume();
    throw error instanceof MenagerieError ? error : malformed(error);
  });
  // The reader may wait for a body that never ends, so the signal does not wait for the reader.
  return await untilAborted(reading, signal);
}

/** Content-Length of a request, in bytes; undefined if it has none. */
export function declaredLength({ headers }: FastifyRequest): number | undefined {
  const length = headers['content-length'];
  return length === undefined ? undefined : Number(length);
}

async function readRaw(request: FastifyRequest, limits: UploadLimits, account: ByteAccount): Promise<ImageFile[]> {
  if ((declaredLength(request) ?? 0) > limits.maxBytes) throw tooManyBytes('The body', limits);
  const { body } = request;
  const bytes = body instanceof Readable ? await collect(body, 'The body', limits, account) : new Pieces([]);
  if (bytes.length === 0) throw new MenagerieError('empty_body', 'The body is empty: send a picture.');
  return [{ name: undefined, bytes }];
}

async function readForm(request: FastifyRequest, limits: UploadLimits, account: ByteAccount): Promise<ImageFile[]> {
  const images: ImageFile[] = [];
  const parts = request.parts({
    limits: {
      // The exact limits are checked below, with better messages. These bound the memory of the parser.
      fileSize: limits.maxBytes + 1,
      files: limits.maxImages + 1,
      fields: 1,
      fieldSize: 1024,
      fieldNameSize: 100,
      headerPairs: 20,
    },
  });
  for await (const part of parts) {
    if (part.type !== 'file') {
      throw new MenagerieError(
        'unexpected_field',
        `The form field "${part.fieldname.slice(0, MAX_NAME_LENGTH)}" is not a file. Parameters belong in the URL, ` +
          `pictures in "${IMAGE_FIELD}".`,
      );
    }
    if (part.fieldname !== IMAGE_FIELD) {
      throw new MenagerieError(
        'unexpected_field',
        `Pictures belong in the form field "${IMAGE_FIELD}", not "${part.fieldname.slice(0, MAX_NAME_LENGTH)}".`,
      );
    }
    if (images.length === limits.maxImages) {
      throw new MenagerieError('too_many_images', `A request holds at most ${limits.maxImages} pictures.`);
    }
    const name = part.filename?.slice(0, MAX_NAME_LENGTH);
    const bytes = await collect(part.file, `Picture ${images.length + 1}`, limits, account);
    images.push({ name: name === '' ? undefined : name, bytes });
  }
  if (images.length === 0)
    throw new MenagerieError('no_image', `The form holds no file in the field "${IMAGE_FIELD}".`);
  return images;
}

/** Collects all bytes of a stream. By events, because iteration takes ten times as long. */
function collect(stream: Readable, what: string, limits: UploadLimits, account: ByteAccount): Promise<Pieces> {
  return new Promise((resolve, reject) => {
    const received = new PieceWriter(account);
    const onData = (chunk: Buffer) => {
      try {
        if (received.length + chunk.length > limits.maxBytes) throw tooManyBytes(what, limits);
        received.add(chunk);
      } catch (error) {
        // The stream is not destroyed, because the rest must still be dropped.
        stream.off('data', onData);
        reject(error);
      }
    };
    stream.on('data', onData);
    finished(stream, { writable: false }, (error) => (error ? reject(error) : resolve(received.pieces())));
  });
}

/**
 * Rejects when a body has so many small chunks that parsing them would delay all other requests. Never resolves.
 * @throws MenagerieError `malformed_body`
 */
function tooFineChunks({ raw, headers }: FastifyRequest): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (headers['transfer-encoding'] === undefined) return;
    const count = new ChunkCount();
    const onData = (chunk: Buffer) => {
      if (!count.add(chunk)) return;
      raw.off('data', onData);
      const detail = `The body comes in too many small chunks; send it in chunks of at least ${LEAST_BYTES} bytes.`;
      reject(new MenagerieError('malformed_body', detail));
    };
    raw.on('data', onData);
  });
}

/** The error for a failure of the form parser or of the connection. */
function malformed(error: unknown): MenagerieError {
  return new MenagerieError('malformed_body', 'The body ended early or is not what its Content-Type says.', {
    cause: error,
  });
}

function tooManyBytes(what: string, limits: UploadLimits): MenagerieError {
  return new MenagerieError('too_many_bytes', `${what} is larger than the limit of ${limits.maxBytes} bytes.`);
}

/** Settles like the promise, or rejects with the signal's reason if that comes first. A later rejection of the promise is handled. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
