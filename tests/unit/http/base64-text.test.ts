import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Base64Text } from '../../../src/http/body/readers/base64-text.js';

/** What comes of a text in these pieces; undefined if it is not base64. */
function decode(pieces: string[]): Buffer | undefined {
  const bytes: Uint8Array[] = [];
  const text = new Base64Text((some) => bytes.push(some));
  for (const piece of pieces) text.add(piece);
  return text.end() ? Buffer.concat(bytes) : undefined;
}

/** Ways to write base64 in JSON. */
const spelling = fc.constantFrom<(text: string) => string>(
  (text) => text,
  (text) => text.replace(/=+$/, ''),
  (text) => text.replaceAll('+', '-').replaceAll('/', '_'),
  (text) => text.replaceAll('/', '\\/'),
  (text) => text.replaceAll('+', '\\u002b').replaceAll('=', '\\u003D'),
  (text) => text.replace(/.{8}/g, '$&\\r\\n'),
);

test('bytes come back however their text is written and comes in pieces', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), spelling, fc.array(fc.nat(200)), (bytes, spell, cuts) => {
      const text = spell(Buffer.from(bytes).toString('base64'));
      const at = [0, ...cuts.filter((cut) => cut < text.length), text.length].sort((a, b) => a - b);
      expect(decode(at.slice(1).map((end, i) => text.slice(at[i], end)))).toEqual(Buffer.from(bytes));
    }),
  );
});

test('a data URL is decoded, and its type does not matter', () => {
  for (const start of ['data:image/png;base64,', 'DATA:;base64,', 'data:text/plain;charset=x;base64,']) {
    expect(decode([`${start}QUJD`, 'RA=='])).toEqual(Buffer.from('ABCD'));
  }
});

test.each(['a', 'QUJD!', 'QQ==QQ==', 'Q=Q=', 'QQ===', 'data:image/png,abc', 'http://x/y.png', '\\\\', '\\x', 'QUJD\\'])(
  'other text is not: %s',
  (text) => {
    expect(decode([text])).toBeUndefined();
    expect(decode([...text])).toBeUndefined();
  },
);
