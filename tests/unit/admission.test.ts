import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MenagerieError } from '../../src/core/errors.js';
import { Admission, type AdmissionOptions, type Reservation } from '../../src/serving/admission.js';
import type { Cost } from '../../src/serving/cost.js';

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
  new Admission({ capacity: 100, limit: 80, lanes: 1, ...options });
function releaseAll(reservation: Reservation): void {
  while (reservation.pictures > 0) reservation.releaseOne();
}

describe('Admission', () => {
  test('takes requests while their price fits, all of a request or nothing', () => {
    const admission = admit();
    const first = admission.reserve(cost(60), 3, PATIENT);
    const refused = refusal(() => admission.reserve(cost(50), 5, PATIENT));
    expect([refused.code, refused.message]).toEqual([
      'overloaded',
      'Work of 60 GMAC waits or is being done, the request costs 50; there is room for 100.',
    ]);
    expect([admission.pending, admission.pendingGmacs]).toEqual([3, 60]);
    admission.reserve(cost(40), 5, PATIENT);
    expect([admission.pending, admission.pendingGmacs]).toEqual([8, 100]);
    releaseAll(first);
    expect([admission.pending, admission.pendingGmacs]).toEqual([5, 40]);
    admission.reserve(cost(60), 1, PATIENT);
  });

  test('what costs more than a request may is never taken, however idle the server', () => {
    const admission = admit();
    expect(admission.limit).toBe(80);
    admission.assertAffordable(cost(80));
    for (const action of [
      () => admission.assertAffordable(cost(80.6)),
      () => admission.reserve(cost(80.6), 1, PATIENT),
    ]) {
      const refused = refusal(action);
      expect([refused.code, refused.retryAfterS]).toEqual(['too_expensive', undefined]);
      expect(refused.message).toMatch(/costs 81 GMAC .*the limit is 80\./);
    }
    expect([admission.pending, admission.pendingGmacs]).toEqual([0, 0]);
  });

  test('what may be asked for at all is taken when nothing else is, even if it is dearer than there is room', () => {
    const admission = admit({ capacity: 10 });
    const huge = admission.reserve(cost(80), 2, PATIENT);
    expect(admission.pendingGmacs).toBe(80);
    expect(refusal(() => admission.reserve(cost(0.1), 1, PATIENT)).code).toBe('overloaded');
    huge.releaseOne();
    expect(refusal(() => admission.reserve(cost(0.1), 1, PATIENT)).code).toBe('overloaded');
    huge.releaseOne();
    const small = admission.reserve(cost(0.1), 1, PATIENT);
    expect(refusal(() => admission.reserve(cost(80), 1, PATIENT)).code).toBe('overloaded');
    small.releaseOne();
    admission.reserve(cost(80), 1, PATIENT);
  });

  test('Retry-After follows how much must be done first, what that takes, and how many lanes there are', () => {
    const retryAfter = (lanes: number, gmacs: number) => {
      const admission = admit({ lanes });
      admission.reserve(cost(50, 100_000), 10, PATIENT);
      admission.reserve(cost(50, 100_000), 10, PATIENT);
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
    const admission = admit({ lanes: 2 });
    admission.reserve(cost(10, 9000), 1, PATIENT);
    admission.reserve(cost(10, 9000), 1, PATIENT);
    expect(admission.waitMs(cost(10, 9000))).toBe(9000);
    const refused = refusal(() => admission.reserve(cost(10, 9000), 1, 5500));
    expect([refused.code, refused.retryAfterS]).toEqual(['overloaded', 4]);
    expect(refused.message).toContain('9000 ms; its deadline is 5500 ms');
    admission.reserve(cost(10, 9000), 1, 9000);
    // Something small takes turns with the others and is soon done.
    admission.reserve(cost(1, 100), 1, 150);
  });

  test('others delay a request by what they take, and by no more than it takes itself', () => {
    const costs = fc.double({ min: 0.001, max: 1000, noNaN: true });
    fc.assert(
      fc.property(fc.array(costs, { maxLength: 20 }), costs, fc.integer({ min: 1, max: 8 }), (others, ms, lanes) => {
        const admission = admit({ capacity: 1e9, limit: 1e9, lanes });
        for (const other of others) admission.reserve(cost(1, other), 1, PATIENT);
        const waitMs = admission.waitMs(cost(1, ms));
        const expected = others.reduce((sum, other) => sum + (other < ms ? other : ms), 0) / lanes;
        expect(waitMs).toBeCloseTo(expected, 6);
        expect(waitMs).toBeLessThanOrEqual(((others.length * ms) / lanes) * (1 + 1e-9));
      }),
    );
  });

  test('the share of each picture is given back, and of what is finished nothing remains', () => {
    const request = fc.record({
      gmacs: fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
      ms: fc.double({ min: 1e-6, max: 1e9, noNaN: true }),
      pictures: fc.integer({ min: 1, max: 64 }),
    });
    fc.assert(
      fc.property(
        fc.array(request, { minLength: 1, maxLength: 12 }),
        fc.infiniteStream(fc.nat()),
        (requests, choices) => {
          const admission = admit({ capacity: 1e12, limit: 1e12 });
          const open = requests.map(({ pictures, ...price }) => ({
            price,
            all: pictures,
            reservation: admission.reserve(price, pictures, Number.POSITIVE_INFINITY),
          }));
          while (open.length > 0) {
            const expected = open.reduce(
              (sum, { price, all, reservation }) => sum + (price.gmacs * reservation.pictures) / all,
              0,
            );
            expect(Math.abs(admission.pendingGmacs - expected)).toBeLessThanOrEqual(1e-9 * 1e6);
            expect(admission.pendingGmacs).toBeGreaterThan(0);
            expect(admission.pending).toBe(open.reduce((sum, { reservation }) => sum + reservation.pictures, 0));
            const at = choices.next().value % open.length;
            const { reservation } = open[at] as (typeof open)[number];
            reservation.releaseOne();
            if (reservation.pictures === 0) open.splice(at, 1);
          }
          expect([admission.pending, admission.pendingGmacs, admission.waitMs(cost(1, 1))]).toEqual([0, 0, 0]);
        },
      ),
      { numRuns: 50 },
    );
  });
});
