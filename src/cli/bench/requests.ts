import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { ioError, isSystemError } from '../../system/errors.js';
import { RefusedFile, readRegular } from '../../system/regular-file.js';

/** A request for the classes of one picture. */
export interface ClassifyRequest {
  /** The picture's file, for messages. */
  file: string;
  body: Buffer;
  headers: Record<string, string>;
}

/**
 * Reads pictures and makes a request of each.
 * @param raw whether the picture is the body; else it is in a form, as browsers and curl -F send it
 * @param maxBytes of one picture
 * @throws MenagerieError `io_error`, `too_many_bytes`
 */
export async function readRequests(
  files: readonly string[],
  raw: boolean,
  maxBytes: number,
): Promise<ClassifyRequest[]> {
  const requests: ClassifyRequest[] = [];
  for (const file of files) {
    const bytes = await readPictureFile(file, maxBytes);
    requests.push({ file, ...(raw ? asBody(bytes) : asForm(basename(file), bytes)) });
  }
  return requests;
}

async function readPictureFile(file: string, maxBytes: number): Promise<Buffer> {
  try {
    return await readRegular(file, maxBytes, 'too_many_bytes');
  } catch (error) {
    const unreadable = isSystemError(error) || error instanceof RefusedFile;
    throw unreadable ? ioError(`cannot read ${file}`, error) : error;
  }
}

function asBody(body: Buffer) {
  return { body, headers: { 'content-type': 'application/octet-stream' } };
}

/** A form with one file (RFC 7578). */
function asForm(name: string, bytes: Buffer) {
  const boundary = `menagerie-${randomUUID()}`;
  const head = [
    `--${boundary}`,
    `Content-Disposition: form-data; name="image"; filename="${encodeURIComponent(name)}"`,
    'Content-Type: application/octet-stream',
    '\r\n',
  ];
  const body = Buffer.concat([Buffer.from(head.join('\r\n')), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)]);
  return { body, headers: { 'content-type': `multipart/form-data; boundary=${boundary}` } };
}
