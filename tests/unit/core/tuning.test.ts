import { expect, test } from 'vitest';
import {
  bestFor,
  isSameMachine,
  layoutsFor,
  objectionTo,
  parseTuned,
  type Tried,
} from '../../../src/core/manifest/tuning.js';

test('layouts never ask for more threads than cores, and use as many as they can', () => {
  expect(layoutsFor(1, 'cpu')).toEqual([{ workers: 1, threads: 1 }]);
  expect(layoutsFor(6, 'cpu')).toEqual([
    { workers: 6, threads: 1 },
    { workers: 3, threads: 2 },
    { workers: 1, threads: 4 },
    { workers: 1, threads: 6 },
  ]);
});

test('on a GPU a few workers of one thread are tried', () => {
  expect(layoutsFor(8, 'cuda').map(({ workers, threads }) => [workers, threads])).toEqual([
    [1, 1],
    [2, 1],
    [4, 1],
  ]);
  expect(layoutsFor(2, 'cuda').map(({ workers }) => workers)).toEqual([1, 2]);
});

const tried = (imagesPerS: number, latencyMs: number): Tried => ({
  variant: 'fp32',
  workers: 1,
  threads: 1,
  batch: 1,
  imagesPerS,
  latencyMs,
});

test('each goal has its winner', () => {
  const many = tried(100, 20);
  const quick = tried(60, 12);
  expect(bestFor('throughput', [quick, many])).toBe(many);
  expect(bestFor('latency', [many, quick])).toBe(quick);
});

test('where two are as good within three percent, the other measure decides', () => {
  const first = tried(100, 20);
  const second = tried(98, 12);
  const third = tried(96, 5);
  expect(bestFor('throughput', [first, second, third])).toBe(second);
});

test('a variant is not chosen if it loses too much, or nobody knows', () => {
  expect(objectionTo(75.0, 75.9, 1)).toBeUndefined();
  expect(objectionTo(76, 75.9, 0)).toBeUndefined();
  expect(objectionTo(68.3, 69.48, 1)).toMatch(/loses 1\.18 points/);
  expect(objectionTo(undefined, 70, 1)).toMatch(/not recorded/);
  expect(objectionTo(70, undefined, 1)).toMatch(/not recorded/);
});

test('figures hold where processor, cores, device and runtime are the same', () => {
  const here = { cpu: 'a', cores: 2, device: 'cpu', runtime: '1.30.0' } as const;
  expect(isSameMachine(here, { ...here })).toBe(true);
  for (const other of [{ cpu: 'b' }, { cores: 4 }, { device: 'cuda' as const }, { runtime: '1.31.0' }]) {
    expect(isSameMachine(here, { ...here, ...other })).toBe(false);
  }
});

test('a tuned.json that is none says what is wrong with it', () => {
  expect(() => parseTuned('{"format":2,"goal":"speed"}', 'x/tuned.json')).toThrow(/x\/tuned\.json: .*goal: /);
  for (const text of ['{', 'null', '7']) expect(() => parseTuned(text, 'x/tuned.json')).toThrow(/x\/tuned\.json: /);
});

test('a tuned.json of another format is not followed, and says what to do', () => {
  for (const [text, format] of [
    ['{"goal":"throughput","lanes":2}', '1'],
    ['{"format":3}', '3'],
  ] as const) {
    const what = `x/tuned.json: has format ${format}, and this version reads format 2: run \`menagerie tune\` again`;
    expect(() => parseTuned(text, 'x/tuned.json')).toThrow(what);
  }
});
