import { crc32 } from 'node:zlib';

// Requests as the bytes of a connection: also those that no client library would send.

const BOUNDARY = 'a-boundary';

/** A part of a form. */
export const part = (disposition: string, body: string | Uint8Array, type = 'application/octet-stream') =>
  Buffer.concat([
    Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; ${disposition}\r\nContent-Type: ${type}\r\n\r\n`),
    Buffer.from(body as Uint8Array),
    Buffer.from('\r\n'),
  ]);
/** The end of a form. */
export const end = Buffer.from(`--${BOUNDARY}--\r\n`);
/** A part that holds a picture. */
export const image = (body: string | Uint8Array) => part('name="image"; filename="a.png"', body);
export const FORM = `multipart/form-data; boundary=${BOUNDARY}`;

/** A POST request: its headers, its body. */
export function post(
  target: string,
  headers: Record<string, string | number>,
  body: string | Uint8Array = '',
  method = 'POST',
): Uint8Array[] {
  const bytes = Buffer.from(body as Uint8Array);
  const chunked = headers['transfer-encoding'] !== undefined;
  const all = { host: 'x', ...(chunked ? {} : { 'content-length': bytes.length }), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  const chunk = bytes.length
    ? Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])
    : bytes;
  const framed = chunked ? Buffer.concat([chunk, Buffer.from('0\r\n\r\n')]) : bytes;
  return [Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`), framed];
}
/** A picture to classify, sent as the body. */
export const raw = (body: string | Uint8Array, type = 'image/png', query = 'model=m', headers = {}) =>
  post(`/classify?${query}`, { 'content-type': type, ...headers }, body);
/** The same in a form. */
export const form = (...parts: Uint8Array[]) => raw(Buffer.concat([...parts, end]), FORM);
/** A PNG that claims to be larger than it is: a header, and no pixels. */
export function pixelBomb(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, check]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', Buffer.alloc(16)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
