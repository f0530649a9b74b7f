import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { StepTimes } from '../../../src/training/step-times.js';
import type { Progress } from '../../../src/training/transfer-request.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

test('progress is told five times a second at most, but the beginning and the end of a step always', () => {
  const told: Progress[] = [];
  const times = new StepTimes((progress) => told.push(progress));
  times.progress(1, 2);
  expect(told).toEqual([]);
  times.begin('features');
  for (let done = 1; done < 100; done++) {
    vi.advanceTimersByTime(10);
    times.progress(done, 100);
  }
  times.progress(100, 100, 'all');
  expect(told.map(({ done }) => done)).toEqual([0, 20, 40, 60, 80, 100]);
  expect(told.at(-1)).toEqual({ step: 'features', done: 100, total: 100, note: 'all' });
  times.begin('head');
  expect(told.at(-1)).toEqual({ step: 'head', done: 0, total: 0, note: '' });
});

test('progress without a known end is told now and then, too', () => {
  const told: number[] = [];
  const times = new StepTimes(({ done }) => told.push(done));
  times.begin('reading');
  for (let done = 1; done <= 50; done++) {
    vi.advanceTimersByTime(10);
    times.progress(done, 0);
  }
  expect(told).toEqual([0, 20, 40]);
});

test('steps are measured, the last one until now', () => {
  const times = new StepTimes(() => {});
  vi.advanceTimersByTime(5);
  times.begin('reading');
  vi.advanceTimersByTime(100);
  times.begin('features');
  vi.advanceTimersByTime(1000);
  expect(times.elapsed).toEqual({
    ms: 1105,
    phases: [
      { phase: 'reading', ms: 100 },
      { phase: 'features', ms: 1000 },
    ],
  });
});
