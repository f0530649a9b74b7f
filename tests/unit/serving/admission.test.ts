import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MenagerieError } from '../../../src/core/errors.js';
import { Admission, type AdmissionOptions } from '../../../src/serving/cost/admission.js';
import type { Cost } from '../../../src/serving/cost/cost.js';

function refusal(action: () => unknown): MenagerieError {
  try {
    action();
  } catch (error) {
    return error as MenagerieError;
  }
  throw new Error('nothing was refused');
}

const PATIENT = 1e12;
const cost = (gmacs: number, ms = gmacs): Cost => ({ gmacs, ms });
const admit = (options: Partial<AdmissionOptions> = {}) =>
  new Admission({ capacity: 100, limit: 80, workers: 1, ...options });
/** The same for so many pictures together. */
const pictures = (number: number, { gmacs, ms }: Cost): Cost[] => Array(number).fill(cost(gmacs / number, ms / number));

describe('Admission', () => {
  test('takes requests while their cost fits, all of a request or nothing', () => {
    const admission = admit();
    const first = admission.reserve(pictures(3, cost(60)), PATIENT);
    const refused = refusal(() => admission.reserve(pictures(5, cost(50)), PATIENT));
    expect([refused.code, refused.message]).toEqual([
      'overloaded',
      'Work of 60 GMAC waits or is being done, the request costs 50; there is room for 100.',
    ]);
    expect([admission.pending, admission.pendingGmacs]).toEqual([3, 60]);
    admission.reserve(pictures(5, cost(40)), PATIENT);
    expect([admission.pending, admission.pendingGmacs]).toEqual([8, 100]);
    for (const place of [0, 1, 2]) first.release(place);
    expect([admission.pending, admission.pendingGmacs]).toEqual([5, 40]);
    admission.reserve(pictures(1, cost(60)), PATIENT);
  });

  test('what costs more than a request may is never taken, however idle the server', () => {
    const admission = admit();
    expect(admission.limit).toBe(80);
    admission.assertAffordable(cost(80));
    for (const action of [
      () => admission.assertAffordable(cost(80.6)),
      () => admission.reserve(pictures(1, cost(80.6)), PATIENT),
    ]) {
      const refused = refusal(action);
      expect([refused.code, refused.retryAfterS]).toEqual(['too_expensive', undefined]);
      expect(refused.message).toMatch(/costs 81 GMAC .*the limit is 80\./);
    }
    expect([admission.pending, admission.pendingGmacs]).toEqual([0, 0]);
  });

  test('what may be asked for at all is taken when nothing else is, even if it is more expensive than there is room', () => {
    const admission = admit({ capacity: 10 });
    const huge = admission.reserve(pictures(2, cost(80)), PATIENT);
    expect(admission.pendingGmacs).toBe(80);
    expect(refusal(() => admission.reserve(pictures(1, cost(0.1)), PATIENT)).code).toBe('overloaded');
    huge.release(1);
    expect(refusal(() => admission.reserve(pictures(1, cost(0.1)), PATIENT)).code).toBe('overloaded');
    huge.release(0);
    const small = admission.reserve(pictures(1, cost(0.1)), PATIENT);
    expect(refusal(() => admission.reserve(pictures(1, cost(80)), PATIENT)).code).toBe('overloaded');
    small.release(0);
    admission.reserve(pictures(1, cost(80)), PATIENT);
  });

  test('Retry-After follows how much must be done first, what that takes, and how many workers there are', () => {
    const retryAfter = (workers: number, gmacs: number) => {
      const admission = admit({ workers });
      admission.reserve(pictures(10, cost(50, 100_000)), PATIENT);
      admission.reserve(pictures(10, cost(50, 100_000)), PATIENT);
      return refusal(() => admission.assertRoom(cost(gmacs), PATIENT)).retryAfterS;
    };
    // A tenth, half, and all of 200 s of work.
    expect(retryAfter(1, 10)).toBe(20);
    expect(retryAfter(1, 50)).toBe(100);
    expect(retryAfter(4, 50)).toBe(25);
    expect(retryAfter(1, 200)).toBe(200);
    // A whole number of seconds, one at least.
    expect(retryAfter(1, 0.0001)).toBe(1);
  });

  test('what would wait past its deadline is refused, with the time until it would not', () => {
    const admission = admit({ workers: 2 });
    admission.reserve(pictures(1, cost(10, 9000)), PATIENT);
    admission.reserve(pictures(1, cost(10, 9000)), PATIENT);
    expect(admission.waitMs(cost(10, 9000))).toBe(9000);
    const refused = refusal(() => admission.reserve(pictures(1, cost(10, 9000)), 5500));
    expect([refused.code, refused.retryAfterS]).toEqual(['overloaded', 4]);
    expect(refused.message).toContain('9000 ms; its deadline is 5500 ms');
    admission.reserve(pictures(1, cost(10, 9000)), 9000);
    // Something small takes turns with the others and is soon done.
    admission.reserve(pictures(1, cost(1, 100)), 150);
  });

  test('others delay a request by what they take, and by no more than it takes itself', () => {
    const costs = fc.double({ min: 0.001, max: 1000, noNaN: true });
    fc.assert(
      fc.property(fc.array(costs, { maxLength: 20 }), costs, fc.integer({ min: 1, max: 8 }), (others, ms, workers) => {
        const admission = admit({ capacity: 1e9, limit: 1e9, workers });
        for (const other of others) admission.reserve(pictures(1, cost(1, other)), PATIENT);
        const waitMs = admission.waitMs(cost(1, ms));
        const expected = others.reduce((sum, other) => sum + (other < ms ? other : ms), 0) / workers;
        expect(waitMs).toBeCloseTo(expected, 6);
        expect(waitMs).toBeLessThanOrEqual(((others.length * ms) / workers) * (1 + 1e-9));
      }),
    );
  });

  test('what each picture took is given back once, and of what is finished nothing remains', () => {
    const one = fc.record({
      gmacs: fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
      ms: fc.double({ min: 1e-6, max: 1e9, noNaN: true }),
    });
    fc.assert(
      fc.property(
        fc.array(fc.array(one, { minLength: 1, maxLength: 16 }), { minLength: 1, maxLength: 12 }),
        fc.infiniteStream(fc.nat()),
        (requests, choices) => {
          const admission = admit({ capacity: 1e12, limit: 1e12 });
          const choose = (from: number) => choices.next().value % from;
          const open = requests.map((costs) => ({
            costs: new Map(costs.entries()),
            reservation: admission.reserve(costs, Number.POSITIVE_INFINITY),
          }));
          while (open.length > 0) {
            const left = open.flatMap(({ costs }) => [...costs.values()]);
            const expected = left.reduce((sum, { gmacs }) => sum + gmacs, 0);
            expect(Math.abs(admission.pendingGmacs - expected)).toBeLessThanOrEqual(1e-9 * 1e6);
            expect(admission.pending).toBe(left.length);
            const at = choose(open.length);
            const { costs, reservation } = open[at] as (typeof open)[number];
            const place = [...costs.keys()][choose(costs.size)] as number;
            costs.delete(place);
            for (let again = 0; again < 2; again++) reservation.release(place);
            if (costs.size > 0 && choose(10) === 0) {
              for (let again = 0; again < 2; again++) reservation.close();
              costs.clear();
            }
            if (costs.size === 0) open.splice(at, 1);
          }
          expect([admission.pending, admission.pendingGmacs, admission.waitMs(cost(1, 1))]).toEqual([0, 0, 0]);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('pictures of one request cost what each of them costs', () => {
    const admission = admit();
    const reservation = admission.reserve([cost(1, 10), cost(20, 200), cost(4, 40)], PATIENT);
    expect([admission.pending, admission.pendingGmacs, admission.waitMs(cost(1, 1e6))]).toEqual([3, 25, 250]);
    reservation.release(1);
    expect([admission.pending, admission.pendingGmacs, admission.waitMs(cost(1, 1e6))]).toEqual([2, 5, 50]);
    reservation.release(1);
    reservation.release(7);
    expect([admission.pending, admission.pendingGmacs]).toEqual([2, 5]);
    reservation.close();
    expect([admission.pending, admission.pendingGmacs, admission.waitMs(cost(1, 1e6))]).toEqual([0, 0, 0]);
  });
});
