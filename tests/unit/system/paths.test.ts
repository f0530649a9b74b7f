import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { joinPath, pathText, splitPath } from '../../../src/system/paths.js';
import { linesOf } from '../../../src/system/text/lines.js';
import { piecesToUtf8, toUtf8 } from '../../../src/system/text/text.js';

const bytes = (text: string) => Buffer.from(text, 'latin1');
/** What the documentation says: every \xHH is a byte, everything else is UTF-8. */
const bytesOf = (text: string) =>
  Buffer.concat(
    text
      .split(/(\\x[0-9A-F]{2})/)
      .map((part) => (part.startsWith('\\x') ? Buffer.from(part.slice(2), 'hex') : Buffer.from(part))),
  );

describe('the text of a path', () => {
  test.each([
    ['photos/été 😀.jpg', Buffer.from('photos/été 😀.jpg')],
    ['caf\\xE9.jpg', bytes('caf\xe9.jpg')],
    ['half \\xC3.jpg', bytes('half \xc3.jpg')],
    ['\\xED\\xA0\\x80', bytes('\xed\xa0\x80')],
    ['two\\x0Alines', bytes('two\nlines')],
    ['a\\x5CxE9', bytes('a\\xE9')],
    ['\\x3Dcmd.png', bytes('=cmd.png')],
    ['\\x40at/=b.png', bytes('@at/=b.png')],
    ['a\\xE2\\x80\\xA8b', Buffer.from('a\u2028b')],
  ])('is %s', (text, path) => {
    expect(pathText(path)).toBe(text);
  });

  test('is one line that the bytes can be had back from, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (path) => {
        const text = pathText(Buffer.from(path));
        expect(bytesOf(text)).toEqual(Buffer.from(path));
        // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
        expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f]|^[=+\-@]/);
      }),
    );
  });
});

test('paths are joined and split as bytes', () => {
  expect(joinPath(bytes('a'), bytes('\xff')).toString('latin1')).toBe('a/\xff');
  expect(joinPath(bytes('a/'), bytes('b')).toString()).toBe('a/b');
  expect(joinPath(bytes('.'), bytes('b')).toString()).toBe('b');
  expect(splitPath(bytes('a/b/c'))).toEqual({ folder: bytes('a/b'), name: bytes('c') });
  expect(splitPath(bytes('/c'))).toEqual({ folder: bytes('/'), name: bytes('c') });
  expect(splitPath(bytes('c'))).toEqual({ folder: bytes(''), name: bytes('c') });
});

async function* inPieces(content: Buffer, size: number) {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
}

describe('lines', () => {
  test('have their places, however the pieces fall', async () => {
    for (let size = 1; size < 12; size++) {
      const found: string[] = [];
      for await (const line of linesOf(inPieces(bytes('ab\n\ncde\nf'), size))) {
        found.push(`${line.bytes} ${line.start} ${line.end} ${line.complete}`);
      }
      expect(found).toEqual(['ab 0 3 true', ' 3 4 true', 'cde 4 8 true', 'f 8 9 false']);
    }
  });

  test('have a limit', async () => {
    const read = async () => {
      for await (const _ of linesOf(inPieces(Buffer.alloc(100, 65), 10), 10, 50));
    };
    await expect(read()).rejects.toMatchObject({ code: 'invalid_data' });
  });
});

describe('text', () => {
  const utf16be = Buffer.from('\uFEFFà.jpg\n', 'utf16le').swap16();
  test.each([
    ['UTF-8', Buffer.from('à.jpg\n')],
    ['UTF-8 with its mark', Buffer.from('\uFEFFà.jpg\n')],
    ['UTF-16, as Windows writes it', Buffer.from('\uFEFFà.jpg\n', 'utf16le')],
    ['UTF-16, the other way round', utf16be],
  ])('in %s is understood, whole and in pieces', async (_, content) => {
    expect(toUtf8(content).toString()).toBe('à.jpg\n');
    for (let size = 1; size < 6; size++) {
      const parts: Uint8Array[] = [];
      for await (const part of piecesToUtf8(inPieces(content, size))) parts.push(Uint8Array.from(part));
      expect(Buffer.concat(parts).toString()).toBe('à.jpg\n');
    }
  });

  test('in no encoding stays as it is', async () => {
    expect(toUtf8(bytes('caf\xe9'))).toEqual(bytes('caf\xe9'));
    expect(toUtf8(bytes('\xe9'))).toEqual(bytes('\xe9'));
  });
});
