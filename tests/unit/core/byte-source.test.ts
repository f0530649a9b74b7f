import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Pieces } from '../../../src/core/byte-source.js';

test('bytes in pieces are the same as bytes in one', () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 5 }), { maxLength: 6 });
  fc.assert(
    fc.property(pieces, fc.nat(35), fc.nat(35), (parts, start, end) => {
      const whole = Buffer.concat(parts);
      const source = new Pieces(parts);
      expect(source.length).toBe(whole.length);
      expect(Buffer.from(source.slice(start, end))).toEqual(Buffer.from(whole.subarray(start, end)));
    }),
  );
});
