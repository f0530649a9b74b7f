import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Pieces } from '../../../src/core/byte-source.js';
import { MenagerieError } from '../../../src/core/errors.js';
import type { StopSignal } from '../../../src/core/queues/stop-signal.js';
import type { Answer } from '../../../src/serving/answering/answerer.js';
import { type Computed, SharedAnswers } from '../../../src/serving/answering/shared-answers.js';

const timings = { decode: 1, queue: 2, preprocess: 3, inference: 4 };
const never = new AbortController().signal;
/** A file whose only byte is this letter, asked about in the same way. */
const of = (key: string) => ({ file: new Pieces([Buffer.from(key)]), plan: 'plan', key });

function answerOf(width: number, classes = 10, changes: Partial<Answer> = {}): Answer {
  return {
    width,
    height: 1,
    format: 'png',
    views: 1,
    combined: { scores: new Float32Array(classes) },
    members: [],
    missing: [],
    agreement: undefined,
    unknown: undefined,
    ...changes,
  };
}
const computed = (answer: Answer): Computed => ({ answer, timings });

/** A computation that ends when it is told to. */
function pending() {
  let [resolve, reject] = [(_: Computed) => {}, (_: unknown) => {}];
  const promise = new Promise<Computed>((yes, no) => {
    [resolve, reject] = [yes, no];
  });
  const state: { calls: number; signal: StopSignal } = { calls: 0, signal: never };
  const compute = (signal: StopSignal) => {
    state.calls++;
    state.signal = signal;
    return promise;
  };
  return { compute, resolve, reject, state };
}

/** Asks with a computation that ends at once. */
async function ask(answers: SharedAnswers, key: string, answer = answerOf(1)) {
  let calls = 0;
  const { source } = await answers.get(of(key), never, async () => {
    calls++;
    return computed(answer);
  });
  expect(calls).toBe(source === 'computed' ? 1 : 0);
  return source;
}

/** What one answer of ten classes takes in the cache, under a key of one letter. */
async function bytesOfOne(): Promise<number> {
  const answers = new SharedAnswers(1e9);
  await ask(answers, 'a');
  return answers.bytes;
}

describe('requests for the same', () => {
  test('are computed once; times belong to the one that began', async () => {
    const answers = new SharedAnswers(0);
    const work = pending();
    const asked = ['a', 'a', 'a'].map((key) => answers.get(of(key), never, work.compute));
    const other = pending();
    const another = answers.get(of('b'), never, other.compute);
    work.resolve(computed(answerOf(7)));
    const got = await Promise.all(asked);
    expect(work.state.calls).toBe(1);
    expect(got.map(({ answer }) => answer.width)).toEqual([7, 7, 7]);
    expect(got.map(({ source }) => source)).toEqual(['computed', 'shared', 'shared']);
    expect(got.map((reply) => reply.timings)).toEqual([timings, undefined, undefined]);
    other.resolve(computed(answerOf(8)));
    expect((await another).answer.width).toBe(8);
    // Without a cache it is computed anew.
    expect(await ask(answers, 'a')).toBe('computed');
    expect(answers.bytes).toBe(0);
  });

  test('are told from others of the same length, and asked in another way', async () => {
    const answers = new SharedAnswers(0);
    const work = pending();
    const wanted = [of('a'), of('b'), { ...of('a'), plan: 'another' }, of('a'), of('b')];
    const asked = wanted.map((each) => answers.get(each, never, work.compute));
    expect(work.state.calls).toBe(3);
    work.resolve(computed(answerOf(7)));
    const sources = (await Promise.all(asked)).map(({ source }) => source);
    expect(sources).toEqual(['computed', 'computed', 'computed', 'shared', 'shared']);
    expect(await ask(answers, 'b')).toBe('computed');
  });

  test('go on when one of them leaves, even the one that began', async () => {
    const answers = new SharedAnswers(0);
    const work = pending();
    const abort = new AbortController();
    const first = answers.get(of('a'), abort.signal, work.compute);
    const second = answers.get(of('a'), never, work.compute);
    abort.abort('gone');
    await expect(first).rejects.toBe('gone');
    expect(work.state.signal.aborted).toBe(false);
    work.resolve(computed(answerOf(7)));
    expect(await second).toMatchObject({ source: 'shared', answer: { width: 7 } });
  });

  test('are given up when all have left; who asks then begins anew', async () => {
    const answers = new SharedAnswers(0);
    const work = pending();
    const aborts = [new AbortController(), new AbortController()];
    const asked = aborts.map(({ signal }) => answers.get(of('a'), signal, work.compute));
    aborts[0]?.abort('first');
    expect(work.state.signal.aborted).toBe(false);
    aborts[1]?.abort('second');
    expect(work.state.signal.reason).toBe('second');
    expect((await Promise.allSettled(asked)).map((outcome) => (outcome as PromiseRejectedResult).reason)).toEqual([
      'first',
      'second',
    ]);
    const again = pending();
    const next = answers.get(of('a'), never, again.compute);
    expect(again.state.calls).toBe(1);
    // What comes of the old computation after all concerns nobody, and does not take the new one's place.
    work.reject(new Error('given up'));
    await Promise.resolve();
    const sharer = answers.get(of('a'), never, pending().compute);
    again.resolve(computed(answerOf(9)));
    expect((await next).answer.width).toBe(9);
    expect((await sharer).source).toBe('shared');
  });

  test('one that has left before it came begins nothing', async () => {
    const answers = new SharedAnswers(1000);
    const work = pending();
    await expect(answers.get(of('a'), AbortSignal.abort('gone'), work.compute)).rejects.toBe('gone');
    expect(work.state.calls).toBe(0);
  });

  test('fail together, and the failure is forgotten', async () => {
    const answers = new SharedAnswers(1e6);
    const work = pending();
    const asked = [answers.get(of('a'), never, work.compute), answers.get(of('a'), never, work.compute)];
    const error = new MenagerieError('corrupt_image', 'No picture.');
    work.reject(error);
    for (const outcome of await Promise.allSettled(asked)) expect(outcome).toMatchObject({ reason: error });
    expect(answers.bytes).toBe(0);
    expect(await ask(answers, 'a')).toBe('computed');
    expect(await ask(answers, 'a')).toBe('cached');
  });
});

describe('the cache', () => {
  test('keeps what was used last, within its bytes', async () => {
    const one = await bytesOfOne();
    const answers = new SharedAnswers(3 * one);
    for (const key of ['a', 'b', 'c']) expect(await ask(answers, key)).toBe('computed');
    expect(answers.bytes).toBe(3 * one);
    expect(await ask(answers, 'a')).toBe('cached');
    expect(await ask(answers, 'd')).toBe('computed');
    // Used longest ago was b.
    for (const key of ['a', 'c', 'd']) expect(await ask(answers, key)).toBe('cached');
    expect(answers.bytes).toBe(3 * one);
    expect(await ask(answers, 'b')).toBe('computed');
    expect(await ask(answers, 'a')).toBe('computed');
  });

  test('counts all numbers of an answer, and does not keep what is larger than itself', async () => {
    const one = await bytesOfOne();
    const answers = new SharedAnswers(one + 100 * 4);
    expect(await ask(answers, 'a')).toBe('computed');
    const members = [{ id: 'm', weight: 1, probabilities: new Float32Array(51), unknown: undefined }];
    const tieBreak = { scores: new Float32Array(10), tieBreak: new Float32Array(101) };
    for (const large of [answerOf(1, 111), answerOf(1, 60, { members }), answerOf(1, 10, { combined: tieBreak })]) {
      expect(await ask(answers, 'b', large)).toBe('computed');
      expect(await ask(answers, 'b', large)).toBe('computed');
    }
    // Nor does it make room for that.
    expect(await ask(answers, 'a')).toBe('cached');
    expect(answers.bytes).toBe(one);
  });

  test('does not keep an answer that lacks a member', async () => {
    const answers = new SharedAnswers(1e6);
    const missing = [{ id: 'm', error: new MenagerieError('worker_failed', 'It died.') }];
    expect(await ask(answers, 'a', answerOf(1, 10, { missing }))).toBe('computed');
    expect(answers.bytes).toBe(0);
    expect(await ask(answers, 'a')).toBe('computed');
  });

  test('counts an answer once that was computed twice', async () => {
    const answers = new SharedAnswers(1e6);
    const abort = new AbortController();
    // A computation that all have left, and that ends nevertheless.
    const [left, next] = [pending(), pending()];
    const first = answers.get(of('a'), abort.signal, left.compute);
    abort.abort('gone');
    await expect(first).rejects.toBe('gone');
    const second = answers.get(of('a'), never, next.compute);
    left.resolve(computed(answerOf(1)));
    next.resolve(computed(answerOf(1)));
    await second;
    expect(answers.bytes).toBe(await bytesOfOne());
  });

  test('never holds more than its bytes, and what it holds is what was computed', async () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      classes: fc.integer({ min: 1, max: 400 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.nat(6000), async (steps, limit) => {
        const answers = new SharedAnswers(limit);
        const last = new Map<string, Answer>();
        for (const { key, classes } of steps) {
          const fresh = answerOf(classes, classes);
          const { answer, source } = await answers.get(of(key), never, async () => computed(fresh));
          expect(answer).toBe(source === 'cached' ? last.get(key) : fresh);
          last.set(key, answer);
          expect(answers.bytes).toBeLessThanOrEqual(limit);
        }
      }),
    );
  });
});
