import { TextDecoder } from 'node:util';

/**
 * Text as UTF-8 without a byte order mark. UTF-16 is known by its mark; without one, bytes stay as they are.
 * Windows PowerShell writes lists in UTF-16.
 */
export function toUtf8(bytes: Buffer): Buffer {
  const encoding = utf16Of(bytes);
  if (encoding) return Buffer.from(new TextDecoder(encoding).decode(bytes));
  return bytes.subarray(0, 3).equals(UTF8_MARK) ? bytes.subarray(3) : bytes;
}

/** The same for text that arrives in pieces. */
export async function* piecesToUtf8(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let decoder: TextDecoder | undefined;
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const piece of pieces) {
    if (!head) {
      yield decoder ? Buffer.from(decoder.decode(piece, { stream: true })) : piece;
      continue;
    }
    head = Buffer.concat([head, piece]);
    if (head.length < UTF8_MARK.length) continue;
    const encoding = utf16Of(head);
    if (encoding) decoder = new TextDecoder(encoding);
    yield decoder ? Buffer.from(decoder.decode(head, { stream: true })) : toUtf8(head);
    head = undefined;
  }
  if (head && head.length > 0) yield toUtf8(head);
}

const UTF8_MARK = Buffer.from('\uFEFF');

function utf16Of(bytes: Buffer): 'utf-16le' | 'utf-16be' | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : undefined;
}
