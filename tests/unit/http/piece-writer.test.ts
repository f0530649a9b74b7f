import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PieceWriter } from '../../../src/http/body/memory/piece-writer.js';

const KIB = 1024;

/** A writer, and what it has paid. */
function open() {
  const account = { paid: 0 };
  const writer = new PieceWriter({
    take: (bytes) => {
      account.paid += bytes;
    },
    close() {},
  });
  return { writer, account };
}

/** What the pieces really hold. */
const heldBy = (pieces: readonly Uint8Array[]) =>
  [...new Set(pieces.map(({ buffer }) => buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0);

describe('PieceWriter', () => {
  test('keeps the bytes in order, and pays for at least what they hold', () => {
    const chunk = fc.record({
      length: fc.oneof(fc.nat(20), fc.nat(100 * KIB)),
      before: fc.oneof(fc.constant(0), fc.nat(64 * KIB)),
    });
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 30 }), (chunks) => {
        const { writer, account } = open();
        let next = 0;
        const sent = chunks.map(({ length, before }) => {
          const bytes = new Uint8Array(before + length).subarray(before);
          for (let i = 0; i < length; i++) bytes[i] = next++ % 251;
          return Buffer.from(bytes);
        });
        for (const bytes of sent) writer.add(bytes);
        const { pieces, length } = writer.pieces();
        expect(length).toBe(next);
        expect(Buffer.concat(pieces).equals(Buffer.concat(sent))).toBe(true);
        expect(account.paid).toBeGreaterThanOrEqual(heldBy(pieces));
      }),
      { numRuns: 50 },
    );
  });

  test('copies small chunks together, and pays at most thrice for them', () => {
    const { writer, account } = open();
    for (let i = 0; i < 100_000; i++) writer.add(Buffer.from([i]));
    expect(writer.pieces().pieces.length).toBeLessThan(10);
    expect(account.paid).toBeLessThan(300_000);
  });

  test('keeps large chunks as they are, without a copy', () => {
    const { writer } = open();
    const chunk = new Uint8Array(64 * KIB);
    writer.add(chunk);
    expect(writer.pieces().pieces[0]?.buffer).toBe(chunk.buffer);
  });

  test('does not keep a large buffer for a part of it', () => {
    const { writer, account } = open();
    writer.add(new Uint8Array(1024 * KIB).subarray(0, 16 * KIB));
    expect(heldBy(writer.pieces().pieces)).toBe(16 * KIB);
    expect(account.paid).toBeLessThan(20 * KIB);
  });
});
