import { describe, expect, test } from 'vitest';
import type { MenagerieError } from '../../src/core/errors.js';
import { ByteBudget } from '../../src/http/byte-budget.js';
import { Admission } from '../../src/serving/admission.js';

function refusal(action: () => unknown): MenagerieError {
  try {
    action();
  } catch (error) {
    return error as MenagerieError;
  }
  throw new Error('nothing was refused');
}

describe('Admission', () => {
  test('takes pictures up to its capacity, all of a request or none', () => {
    const admission = new Admission(5, 1);
    const release = admission.reserve(3);
    expect(refusal(() => admission.reserve(3)).code).toBe('overloaded');
    expect(admission.pending).toBe(3);
    release();
    admission.reserve(3);
    expect(admission.pending).toBe(5);
  });

  test('Retry-After follows what the lanes take and how many there are', () => {
    const retryAfter = (lanes: number) => {
      const admission = new Admission(100, lanes);
      for (let i = 0; i < 200; i++) admission.observe(1000);
      admission.reserve(100);
      return refusal(() => admission.assertRoom(1)).retryAfterS;
    };
    expect(retryAfter(1)).toBe(100);
    expect(retryAfter(4)).toBe(25);
  });
});

describe('ByteBudget', () => {
  test('bounds all accounts together and gets everything back', () => {
    const budget = new ByteBudget(10);
    const [first, second] = [budget.open(), budget.open()];
    first.take(6);
    expect(refusal(() => second.take(5)).code).toBe('overloaded');
    second.take(4);
    first.close();
    first.close();
    second.take(6);
    expect(budget.used).toBe(10);
    second.close();
    expect(budget.used).toBe(0);
  });
});
