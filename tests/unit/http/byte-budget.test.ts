import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteBudget } from '../../../src/http/body/memory/byte-budget.js';

const MIB = 1024 * 1024;
const LIMIT = 16 * MIB;
const overloaded = expect.objectContaining({ code: 'overloaded', retryAfterS: 1 });
const large = (address: string) => ({ address, declared: 10 * MIB });
const small = (address: string) => ({ address, declared: MIB });

describe('ByteBudget', () => {
  test('bounds all accounts together and gets everything back', () => {
    const budget = new ByteBudget(LIMIT);
    const [first, second] = [budget.open(small('a')), budget.open(small('b'))] as const;
    first.take(9 * MIB);
    expect(() => second.take(8 * MIB)).toThrow(overloaded);
    second.take(7 * MIB);
    first.close();
    first.close();
    second.take(9 * MIB);
    expect(budget.used).toBe(LIMIT);
    second.close();
    expect(budget.used).toBe(0);
    expect(() => second.take(1)).toThrow('closed');
  });

  test.each([
    ['large', large],
    ['undeclared', (address: string) => ({ address, declared: undefined })],
  ])('keeps some room for small uploads: %s ones', (_kind, upload) => {
    const budget = new ByteBudget(LIMIT);
    budget.open(upload('a')).take(8 * MIB);
    const other = budget.open(upload('b'));
    other.take(6 * MIB);
    expect(() => other.take(1)).toThrow(overloaded);
    budget.open(small('c')).take(2 * MIB);
  });

  test('gives half of it to the large uploads of one address, a quarter to its small ones', () => {
    const budget = new ByteBudget(LIMIT);
    const first = budget.open(large('a'));
    const second = budget.open(large('a'));
    first.take(5 * MIB);
    second.take(3 * MIB);
    expect(() => second.take(1)).toThrow(overloaded);
    const little = [budget.open(small('a')), budget.open(small('a'))] as const;
    little[0].take(2 * MIB);
    little[1].take(2 * MIB);
    expect(() => little[1].take(1)).toThrow(overloaded);
    budget.open(small('b')).take(4 * MIB);
    // Room that was given back is anybody's.
    little[0].close();
    little[1].take(2 * MIB);
  });

  test('lets the only upload of an address be larger than that', () => {
    const budget = new ByteBudget(LIMIT);
    budget.open(large('a')).take(14 * MIB);
    expect(() => budget.open(large('a')).take(1)).toThrow(overloaded);
    budget.open(small('a')).take(MIB);
  });

  test('never holds more than its limit, nor loses any', () => {
    const step = fc.record({ account: fc.nat(5), bytes: fc.nat(8 * MIB), close: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const budget = new ByteBudget(LIMIT);
        const kinds = [large('a'), large('a'), large('b'), small('a'), small('b'), small('c')];
        const accounts = kinds.map((kind) => ({ account: budget.open(kind), held: 0 }));
        for (const { account: i, bytes, close } of steps) {
          const one = accounts[i] as (typeof accounts)[number];
          try {
            one.account.take(bytes);
            one.held += bytes;
          } catch {
            // Refused.
          }
          if (close) {
            one.account.close();
            accounts[i] = { account: budget.open(kinds[i] as (typeof kinds)[number]), held: 0 };
          }
          expect(budget.used).toBe(accounts.reduce((sum, { held }) => sum + held, 0));
          expect(budget.used).toBeLessThanOrEqual(LIMIT);
        }
      }),
    );
  });
});
