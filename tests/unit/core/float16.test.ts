import { expect, test } from 'vitest';
import { fromFloat16, toFloat16 } from '../../../src/core/pixels/float16.js';

const INFINITY = 0x7c00;
const SIGN = 0x8000;

test('every float16 keeps its bits', () => {
  for (let bits = 0; bits <= INFINITY; bits++) {
    if (toFloat16(fromFloat16(bits)) !== bits) expect(bits).toBe(toFloat16(fromFloat16(bits)));
    if (toFloat16(-fromFloat16(bits)) !== (bits | SIGN)) expect(bits).toBe('kept with a sign');
  }
  expect([fromFloat16(0x3c00), fromFloat16(1), fromFloat16(0x7bff)]).toEqual([1, 2 ** -24, 65504]);
  expect([fromFloat16(INFINITY), fromFloat16(0x7e00)]).toEqual([Number.POSITIVE_INFINITY, Number.NaN]);
});

test('what lies between two goes to the nearer one, and the middle to the even one', () => {
  for (let bits = 0; bits < INFINITY - 1; bits++) {
    const [below, above] = [fromFloat16(bits), fromFloat16(bits + 1)];
    const middle = (below + above) / 2;
    const step = (above - below) / 64;
    const found = [middle - step, middle, middle + step].map(toFloat16);
    const even = bits % 2 === 0 ? bits : bits + 1;
    if (found.join() !== [bits, even, bits + 1].join()) expect(found).toEqual([bits, even, bits + 1]);
  }
  expect([65519, 65520, Number.NaN].map(toFloat16)).toEqual([0x7bff, INFINITY, 0x7e00]);
});
