import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { awakeClock } from '../../../src/core/awake-clock.js';

let now = 0;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  vi.spyOn(performance, 'now').mockImplementation(() => now);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** Lets time pass as a process that is awake sees it: in steps. */
function wait(ms: number): void {
  for (let left = ms; left > 0; left -= 100) {
    now += Math.min(100, left);
    awakeClock.now();
    vi.advanceTimersByTime(Math.min(100, left));
  }
}

test('deadlines come when they are due, in whatever order they were set; cancelled ones do not', () => {
  const called: string[] = [];
  awakeClock.after(3000, () => called.push('last'));
  awakeClock.after(1000, () => {
    called.push('first');
    awakeClock.after(500, () => called.push('set by the first'));
  });
  const cancel = awakeClock.after(500, () => called.push('cancelled'));
  awakeClock.after(2000, () => called.push('second'));
  awakeClock.after(Number.POSITIVE_INFINITY, () => called.push('never'));
  cancel();
  wait(900);
  expect(called).toEqual([]);
  wait(200);
  expect(called).toEqual(['first']);
  wait(500);
  expect(called).toEqual(['first', 'set by the first']);
  wait(500);
  expect(called).toEqual(['first', 'set by the first', 'second']);
  wait(10_000);
  expect(called).toEqual(['first', 'set by the first', 'second', 'last']);
});

test('no deadline comes while the process sleeps', () => {
  let called = false;
  awakeClock.after(5000, () => {
    called = true;
  });
  wait(1000);
  // Neither the process nor its timers see this time.
  now += 60_000;
  wait(3000);
  expect(called).toBe(false);
  wait(1500);
  expect(called).toBe(true);
});
