import { type FileHandle, open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { MenagerieError } from '../../core/errors.js';
import { ioError, systemCode } from '../../system/errors.js';
import { piecesOf } from '../../system/regular-file.js';

/** Progress of a download, in bytes. */
export interface DownloadProgress {
  received: number;
  total: number;
}

/** When a download retries and gives up. Tests shorten the times. */
export interface Patience {
  /** Consecutive tries, each bringing less than 1 MiB, after which a source is given up. */
  tries: number;
  /** Milliseconds without data after which a connection is given up. */
  stallMs: number;
  /** Waits before the next try; `failures` counts from 1. Rejects when aborted. */
  wait(failures: number, signal: AbortSignal | undefined): Promise<void>;
}

export interface Download {
  /** http:, https: or file: */
  source: URL;
  /** The file to fill. Bytes that it already has are not fetched again. */
  partial: string;
  /** Size of the complete file. */
  bytes: number;
  patience: Patience;
  signal: AbortSignal | undefined;
  onProgress: ((progress: DownloadProgress) => void) | undefined;
}

/** Bytes that count as progress, so that a large file survives any number of interruptions. */
const PROGRESS_BYTES = 1 << 20;
const WORTH_RETRYING = new Set([408, 425, 429, 500, 502, 503, 504]);

/** A failure that is worth a retry. */
class Transient extends Error {}

/** The URL without user, password and query, for messages. */
export function describeSource(source: URL): string {
  return source.protocol === 'file:' ? fileURLToPath(source) : `${source.protocol}//${source.host}${source.pathname}`;
}

/**
 * Fills a partial file from one source until it has the stated size, and continues after every interruption. Whatever happens, the
 * received bytes stay on disk; the caller has to verify them.
 * @throws MenagerieError `download_failed` naming the source and its last failure, `size_mismatch` if the source has a
 *   file of another size, `io_error` if the file cannot be written; the signal's reason when aborted
 */
export async function download({ patience, ...job }: Download): Promise<void> {
  const handle = await open(job.partial, 'a+').catch((error: unknown) => {
    throw ioError(`cannot write ${job.partial}`, error);
  });
  try {
    const sink = await openSink(handle, job);
    // The largest size so far: a server that ignores ranges restarts the file from 0, which must not count as progress.
    let furthest = sink.length;
    for (let failures = 0; sink.length < job.bytes; ) {
      try {
        await fetchRest(sink, job, patience.stallMs);
      } catch (error) {
        job.signal?.throwIfAborted();
        if (!(error instanceof Transient)) throw error;
        failures = sink.length - furthest >= PROGRESS_BYTES ? 1 : failures + 1;
        furthest = Math.max(furthest, sink.length);
        if (failures >= patience.tries) {
          const after = patience.tries === 1 ? '' : ` (after ${patience.tries} tries)`;
          throw new MenagerieError('download_failed', `${describeSource(job.source)}: ${error.message}${after}`, {
            cause: error.cause ?? error,
          });
        }
        await patience.wait(failures, job.signal).catch((interrupted: unknown) => {
          job.signal?.throwIfAborted();
          throw interrupted;
        });
      }
    }
    await handle.sync().catch((error: unknown) => {
      throw ioError(`cannot write ${job.partial}`, error);
    });
  } finally {
    await handle.close();
  }
}

/** The file being filled. */
interface Sink {
  /** Bytes that the file has. */
  length: number;
  /** Strong validator of the response that the bytes came from, for `If-Range`. */
  etag: string | undefined;
  append(chunk: Uint8Array): Promise<void>;
  restart(): Promise<void>;
}

async function openSink(
  handle: FileHandle,
  { partial, bytes, source, onProgress }: Omit<Download, 'patience'>,
): Promise<Sink> {
  const sink: Sink = {
    length: (await handle.stat()).size,
    etag: undefined,
    async append(chunk) {
      if (sink.length + chunk.length > bytes) {
        await sink.restart();
        throw new MenagerieError(
          'size_mismatch',
          `${describeSource(source)}: sends more than the ${bytes} bytes stated`,
        );
      }
      try {
        // The file is open for appending; writeFile repeats short writes until all bytes are written.
        await handle.writeFile(chunk);
      } catch (error) {
        throw ioError(`cannot write ${partial}`, error);
      }
      sink.length += chunk.length;
      onProgress?.({ received: sink.length, total: bytes });
    },
    async restart() {
      await handle.truncate(0);
      sink.length = 0;
      sink.etag = undefined;
    },
  };
  if (sink.length > bytes) await sink.restart();
  onProgress?.({ received: sink.length, total: bytes });
  return sink;
}

/** One try: appends the missing bytes. Returns if the file is complete, else throws. */
async function fetchRest(sink: Sink, job: Omit<Download, 'patience'>, stallMs: number): Promise<void> {
  if (job.source.protocol === 'file:') return copyRest(sink, job);
  const stall = new AbortController();
  const giveUp = () => stall.abort(new Transient(`nothing came for ${stallMs / 1000} s`));
  let timer = setTimeout(giveUp, stallMs);
  const signal = job.signal ? AbortSignal.any([job.signal, stall.signal]) : stall.signal;
  try {
    const response = await fetch(...request(job.source, sink, signal));
    await checkResponse(response, sink, job);
    const body: ReadableStream<Uint8Array> | null = response.body;
    for await (const chunk of body ?? []) {
      clearTimeout(timer);
      timer = setTimeout(giveUp, stallMs);
      await sink.append(chunk);
    }
  } catch (error) {
    if (error instanceof MenagerieError || error instanceof Transient) throw error;
    if (stall.signal.aborted) throw stall.signal.reason;
    const { cause, message } = error instanceof Error ? error : new Error(String(error));
    const reason = cause instanceof Error ? cause.message || systemCode(cause) : message;
    throw new Transient(`the connection failed: ${reason}`, { cause: error });
  } finally {
    clearTimeout(timer);
    // Frees the connection if the body was not read to its end.
    stall.abort();
  }
  if (sink.length < job.bytes) throw new Transient(`ended after ${sink.length} of ${job.bytes} bytes`);
}

function request(source: URL, { length, etag }: Sink, signal: AbortSignal): [URL, RequestInit] {
  const url = new URL(source);
  // With compression, neither Content-Length nor ranges would refer to the bytes of the file.
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (length > 0) headers.range = `bytes=${length}-`;
  if (length > 0 && etag !== undefined) headers['if-range'] = etag;
  if (url.username || url.password) {
    // fetch refuses URLs with a user in them.
    const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers.authorization = `Basic ${Buffer.from(user).toString('base64')}`;
    url.username = '';
    url.password = '';
  }
  return [url, { headers, signal }];
}

/** Decides by the head of a response whether its body continues the file or replaces it. */
async function checkResponse(
  response: Response,
  sink: Sink,
  { source, bytes }: Omit<Download, 'patience'>,
): Promise<void> {
  const { status, headers } = response;
  if (status === 416) {
    await sink.restart();
    throw new Transient('HTTP 416 (range not satisfiable)');
  }
  if (status !== 200 && status !== 206) {
    const words = `HTTP ${status}${response.statusText ? ` (${response.statusText})` : ''}`;
    if (WORTH_RETRYING.has(status)) throw new Transient(words);
    throw new MenagerieError('download_failed', `${describeSource(source)}: ${words}`);
  }
  const plain = ['', 'identity'].includes(headers.get('content-encoding') ?? '');
  if (status === 206) {
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '');
    const fits = plain && Number(range?.[1]) === sink.length && ['*', String(bytes)].includes(range?.[2] ?? '');
    if (!fits) {
      await sink.restart();
      throw new Transient('answered with another range than asked for');
    }
    return;
  }
  const length = headers.get('content-length');
  if (plain && length !== null && Number(length) !== bytes) {
    const text = `${describeSource(source)}: has ${length} bytes, the manifest states ${bytes}`;
    throw new MenagerieError('size_mismatch', text);
  }
  // The whole file although the rest was requested: the server does not support ranges, or the file has changed.
  if (sink.length > 0) await sink.restart();
  const etag = headers.get('etag');
  sink.etag = etag?.startsWith('W/') ? undefined : (etag ?? undefined);
}

async function copyRest(sink: Sink, { source, bytes, signal }: Omit<Download, 'patience'>): Promise<void> {
  const file = fileURLToPath(source);
  try {
    for await (const piece of piecesOf(file, { from: sink.length, signal })) await sink.append(piece);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof MenagerieError) throw error;
    throw new MenagerieError('download_failed', ioError(`cannot read ${file}`, error).message, { cause: error });
  }
  if (sink.length < bytes) {
    throw new MenagerieError('size_mismatch', `${file}: has ${sink.length} bytes, the manifest states ${bytes}`);
  }
}
