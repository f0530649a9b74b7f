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

test('pieces are equal if their bytes are, however they are cut', () => {
  const cut = (bytes: Uint8Array, cuts: number[]) => {
    const at = [0, ...cuts.map((c) => Math.min(c, bytes.length)).sort((a, b) => a - b), bytes.length];
    return new Pieces(at.slice(1).map((end, i) => bytes.subarray(at[i], end)));
  };
  const cuts = fc.array(fc.nat(12), { maxLength: 4 });
  const bytes = fc.uint8Array({ maxLength: 12, max: 1 });
  fc.assert(
    fc.property(bytes, bytes, cuts, cuts, (one, other, oneCuts, otherCuts) => {
      expect(cut(one, oneCuts).equals(cut(one, otherCuts))).toBe(true);
      expect(cut(one, oneCuts).equals(cut(other, otherCuts))).toBe(Buffer.from(one).equals(other));
    }),
  );
});
