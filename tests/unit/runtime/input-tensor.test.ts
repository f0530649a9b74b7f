import { describe, expect, test } from 'vitest';
import type { PixelValues } from '../../../src/core/pixels/pixel-type.js';
import { InputTensor } from '../../../src/runtime/networks/input-tensor.js';

describe('InputTensor', () => {
  const fill = (value: number) => (values: PixelValues) => void values.fill(value);

  test('holds what was asked for last, and fills its memory anew otherwise', () => {
    const tensor = new InputTensor();
    const first = tensor.values('a', 'float32', 2, fill(1));
    expect([...first]).toEqual([1, 1]);
    expect([...tensor.values('a', 'float32', 2, fill(2))]).toEqual([1, 1]);
    expect([...tensor.values('b', 'float32', 1, fill(3))]).toEqual([3]);
    expect([...tensor.values('a', 'float32', 2, fill(4))]).toEqual([4, 4]);
    expect(tensor.values('c', 'float32', 2, fill(5)).buffer).toBe(first.buffer);
    expect([...tensor.values('d', 'float32', 3, fill(6))]).toEqual([6, 6, 6]);
  });

  test('holds nothing where filling failed', () => {
    const tensor = new InputTensor();
    tensor.values('a', 'float32', 2, fill(1));
    const fail = (values: PixelValues) => {
      values[0] = 9;
      throw new Error('no');
    };
    expect(() => tensor.values('b', 'float32', 2, fail)).toThrow('no');
    expect([...tensor.values('b', 'float32', 2, fill(2))]).toEqual([2, 2]);
    tensor.values('a', 'float32', 2, fill(1));
    expect(() => tensor.values('b', 'float32', 2, fail)).toThrow('no');
    expect([...tensor.values('a', 'float32', 2, fill(3))]).toEqual([3, 3]);
  });
});
