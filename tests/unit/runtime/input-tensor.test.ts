import { describe, expect, test } from 'vitest';
import { InputTensor } from '../../../src/runtime/networks/input-tensor.js';

describe('InputTensor', () => {
  const fill = (value: number) => (values: Float32Array) => void values.fill(value);

  test('holds what was asked for last, and fills its memory anew otherwise', () => {
    const tensor = new InputTensor();
    const first = tensor.values('a', 2, fill(1));
    expect([...first]).toEqual([1, 1]);
    expect([...tensor.values('a', 2, fill(2))]).toEqual([1, 1]);
    expect([...tensor.values('b', 1, fill(3))]).toEqual([3]);
    expect([...tensor.values('a', 2, fill(4))]).toEqual([4, 4]);
    expect(tensor.values('c', 2, fill(5)).buffer).toBe(first.buffer);
    expect([...tensor.values('d', 3, fill(6))]).toEqual([6, 6, 6]);
  });

  test('holds nothing where filling failed', () => {
    const tensor = new InputTensor();
    tensor.values('a', 2, fill(1));
    const fail = (values: Float32Array) => {
      values[0] = 9;
      throw new Error('no');
    };
    expect(() => tensor.values('b', 2, fail)).toThrow('no');
    expect([...tensor.values('b', 2, fill(2))]).toEqual([2, 2]);
    tensor.values('a', 2, fill(1));
    expect(() => tensor.values('b', 2, fail)).toThrow('no');
    expect([...tensor.values('a', 2, fill(3))]).toEqual([3, 3]);
  });
});
