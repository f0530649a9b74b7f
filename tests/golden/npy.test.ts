import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { cosineOfRows, toUnitRows } from '../../src/core/features/cosine.js';
import { npyHeader, parseNpyHeader } from '../../src/core/features/npy.js';

// Against files that numpy wrote (scripts/reference/npy.py), and what numpy says of the cosines of their rows.

const read = (name: string) => readFileSync(fileURLToPath(new URL(`../fixtures/npy/${name}`, import.meta.url)));
const reference: { shapes: number[][]; rows: number[][]; cosines: number[][] } = JSON.parse(
  read('reference.json').toString(),
);

describe('.npy', () => {
  it.each(reference.shapes.map((shape) => [shape.join('x'), shape] as const))(
    'is written as by numpy: %s',
    (name, shape) => {
      const file = read(`f4-${name}.npy`);
      const header = npyHeader(shape);
      expect(Buffer.from(header).equals(file.subarray(0, header.length))).toBe(true);
      expect(parseNpyHeader(file)).toEqual({ shape, offset: header.length });
    },
  );

  it('has the values where the header says, in both versions', () => {
    for (const name of ['f4-5x7.npy', 'version-2.npy']) {
      const file = read(name);
      const { shape, offset } = parseNpyHeader(file);
      expect(shape).toEqual([5, 7]);
      const values = new Float32Array(file.buffer.slice(file.byteOffset + offset, file.byteOffset + file.length));
      expect([...values]).toEqual(reference.rows.flat());
    }
  });

  it.each([
    ['f8.npy', /<f8/],
    ['big-endian.npy', />f4/],
    ['fortran.npy', /fortran_order/],
    ['fields.npy', /not that of an array of numbers/],
  ])('of another kind is refused with the reason: %s', (name, reason) => {
    expect(() => parseNpyHeader(read(name))).toThrow(reason);
  });

  it('that is damaged is refused', () => {
    const whole = read('f4-5x7.npy');
    const edited = (from: string, to: string) => Buffer.from(whole.toString('latin1').replace(from, to), 'latin1');
    for (const damaged of [
      Buffer.alloc(0),
      whole.subarray(0, 9),
      whole.subarray(0, 100),
      edited('NUMPY\x01', 'NUMPY\x03'),
      edited('(5, 7)', '(5, -7)'),
      edited('(5, 7)', '(5, a)'),
      edited('(5, 7), }    ', '(5, 7), } # 1'),
      edited('(5, 7), }'.padEnd(40), '(999999999999999, 999999999999999), }'.padEnd(40)),
    ]) {
      expect(() => parseNpyHeader(damaged)).toThrow(expect.objectContaining({ code: 'invalid_data' }));
    }
  });
});

describe('cosines', () => {
  it('are those of numpy', () => {
    const rows = Float32Array.from(reference.rows.flat());
    toUnitRows(rows, 7);
    reference.cosines.forEach((line, i) => {
      for (const [j, cosine] of line.entries()) expect(cosineOfRows(rows, i, rows, j, 7)).toBeCloseTo(cosine, 6);
    });
  });

  it('with a row of zeros are 0, and a row that is not finite is refused', () => {
    const rows = Float32Array.of(0, 0, 3, 4);
    toUnitRows(rows, 2);
    expect(cosineOfRows(rows, 0, rows, 1, 2)).toBe(0);
    expect(() => toUnitRows(Float32Array.of(1, Number.NaN), 2)).toThrow(/not finite/);
  });
});
