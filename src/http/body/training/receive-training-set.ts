import { type Duplex, finished, PassThrough } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { MenagerieError } from '../../../core/errors.js';
import { type ReceivedSet, type ReceiveLimits, setTooLarge } from '../../../training/receiving/picture-sink.js';
import { PictureUpload } from '../../../training/receiving/picture-upload.js';
import { encodingOf, openDecoder } from '../content-encoding.js';
import { allowLongUpload, endLongUpload } from '../long-uploads.js';
import type { ByteAccount } from '../memory/byte-budget.js';
import { bodyFault, declaredLength, rejectTooFine } from '../read-body.js';
import { watchRate } from '../upload-rate.js';
import { HOW_TO_SEND_A_SET, TrainingForm } from './training-form.js';

/** The limits and rules for a training set in a body. */
export interface TrainingSetRules extends ReceiveLimits {
  /** Names of the parameters that a form may hold. */
  parameterNames: ReadonlySet<string>;
  /** Longest time for the body to arrive. */
  timeoutMs: number;
  /** Longest time for the body of an ordinary request, over a part of which the rate is averaged. */
  uploadTimeoutMs: number;
  /** Charged for the memory that a Content-Encoding takes. */
  account: ByteAccount;
}

/** What a body held. */
export interface ReceivedTraining extends ReceivedSet {
  /** Of a form, by name. */
  parameters: ReadonlyMap<string, string>;
}

/**
 * Receives a training set: a form with pictures named `class/picture.jpg` or with an archive, or an archive as the body. Its bytes go to
 * disk as they arrive. Whatever happens, nothing but a complete set has the name of the folder.
 * @param folder where the set will be; must not exist
 * @param signal aborts, when the client is gone for instance; its reason is thrown
 * @throws MenagerieError `empty_body`, `no_image`, `malformed_body`, `unexpected_field`, `invalid_request`, `invalid_data`,
 *   `too_many_bytes`, `too_many_images`, `too_little_disk`, `unsupported_encoding`, `upload_timeout`, `overloaded`, `io_error`
 */
export async function receiveTrainingSet(
  request: FastifyRequest,
  folder: string,
  rules: TrainingSetRules,
  signal: AbortSignal,
): Promise<ReceivedTraining> {
  const declared = declaredLength(request);
  if ((declared ?? 0) > rules.bytes) throw setTooLarge(rules.bytes);
  const upload = await PictureUpload.open(folder, rules, declared);
  try {
    const parameters = await readInto(upload, request, rules, signal);
    return { ...(await upload.complete(signal)), parameters };
  } catch (error) {
    await upload.discard();
    throw error;
  }
}

/** @returns the parameters of a form */
async function readInto(
  upload: PictureUpload,
  request: FastifyRequest,
  rules: TrainingSetRules,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const { raw } = request;
  const encoding = encodingOf(request);
  // The end of this stream, for whatever reason, is not the end of the connection: the reply goes there.
  const body: Duplex = encoding === undefined ? new PassThrough() : openDecoder(encoding, rules.account);
  const fail = (error: Error) => void body.destroy(error);
  const onAbort = () => fail(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(() => fail(notInTime(rules.timeoutMs)), rules.timeoutMs);
  const unwatchRate = watchRate(raw.socket, rules.uploadTimeoutMs, fail);
  allowLongUpload(raw.socket);
  rejectTooFine(request, fail);
  finished(raw, { writable: false }, (error) => error && fail(bodyFault(undefined, error)));
  try {
    return await tellAll(raw.pipe(body), request, rules, upload);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof MenagerieError ? error : bodyFault(encoding, error);
  } finally {
    clearTimeout(timer);
    unwatchRate();
    endLongUpload(raw.socket);
    signal.removeEventListener('abort', onAbort);
    raw.unpipe();
    body.destroy();
    // Drops the rest of the body as it arrives: the next request on the connection follows it.
    raw.resume();
  }
}

async function tellAll(
  body: AsyncIterable<Buffer>,
  request: FastifyRequest,
  { parameterNames }: TrainingSetRules,
  upload: PictureUpload,
): Promise<ReadonlyMap<string, string>> {
  const type = request.headers['content-type'] ?? '';
  let reader: TrainingForm | ArchiveBody | undefined;
  for await (const chunk of body) {
    reader ??= /^multipart\//i.test(type) ? new TrainingForm(type, parameterNames, upload) : new ArchiveBody(upload);
    reader.add(chunk);
    await upload.settle(chunk.length);
  }
  if (!reader) throw new MenagerieError('empty_body', `The body is empty. ${HOW_TO_SEND_A_SET}`);
  const parameters = reader.end();
  await upload.settle(0);
  return parameters;
}

/** A body that is an archive. */
class ArchiveBody {
  readonly #sink: ReturnType<PictureUpload['beginArchive']>;

  constructor(upload: PictureUpload) {
    this.#sink = upload.beginArchive();
  }

  add(chunk: Uint8Array): void {
    this.#sink.add(chunk);
  }

  end(): ReadonlyMap<string, string> {
    this.#sink.end();
    return new Map();
  }
}

function notInTime(timeoutMs: number): MenagerieError {
  const seconds = Math.ceil(timeoutMs / 1000);
  return new MenagerieError(
    'upload_timeout',
    `The pictures did not arrive within ${seconds} s (MENAGERIE_TRAINING_TIMEOUT_MS).`,
  );
}
