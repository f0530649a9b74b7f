import { describe, expect, test } from 'vitest';
import { ERRORS, MenagerieError } from '../../../src/core/errors.js';
import { errorOfFailure, failureOf, isAskHead } from '../../../src/runtime/workers/protocol/calls.js';
import { parseAnswer, parseAnswerHead } from '../../../src/runtime/workers/protocol/parse-answer.js';

/** Text cannot be made of this object. */
const UNPRINTABLE = { toString: 1, valueOf: 1 };
const received = (message: unknown) => JSON.parse(JSON.stringify(message));

describe('the head of an answer', () => {
  test.each([
    [{ id: 1, type: 'done', answer: { info: 1 } }],
    [{ id: 1, type: 'cancelled' }],
    [{ id: 1, type: 'failed', code: 'corrupt_image', message: 'cut off', detail: 'at byte 7', retryAfterS: 2 }],
  ])('is read: %o', (head) => {
    expect(parseAnswerHead(head)).toEqual(head);
  });

  test.each([
    [{}],
    [[]],
    [{ id: '1', type: 'done' }],
    [{ id: UNPRINTABLE, type: 'done' }],
    [{ id: 1, type: 'perhaps' }],
  ])('is refused: %o', (head) => {
    expect(parseAnswerHead(head)).toBeUndefined();
  });

  test('with an error of an unknown code, or without a message, is an internal error', () => {
    const internal = { code: 'internal', message: ERRORS.internal, detail: undefined, retryAfterS: undefined };
    for (const fault of [
      {},
      { code: '__proto__', message: 'x' },
      { code: 'toString', message: 'x' },
      { code: 'overloaded', message: UNPRINTABLE, detail: UNPRINTABLE, retryAfterS: '1' },
    ]) {
      expect(parseAnswerHead({ id: 1, type: 'failed', ...fault })).toEqual({ id: 1, type: 'failed', ...internal });
    }
  });

  test('carries an error from one end to the other', () => {
    const error = new MenagerieError('overloaded', 'later', { cause: new Error('why'), retryAfterS: 3 });
    const head = parseAnswerHead(received({ id: 1, ...failureOf(error) }));
    if (head?.type !== 'failed') throw new Error('not read');
    expect(errorOfFailure(head)).toMatchObject({
      code: 'overloaded',
      message: 'later',
      cause: 'Error: why',
      retryAfterS: 3,
    });
  });
});

const PICTURE = { width: 8, height: 6, format: 'png', decodeMs: 1, renderMs: 2.5 };
const INFO = {
  provider: 'cpu',
  layersOnCpu: ['a (Add)'],
  sha256: 'ab',
  session: 'ab y',
  headBytes: 0,
  features: 64,
  classes: 10,
  batch: 4,
  loadMs: 1,
  warmupMs: 1,
  viewMs: 0.5,
};
const SUMMARY = {
  inputs: [{ name: 'x', shape: [1, 3, 8, 8] }],
  outputs: [],
  layers: [],
  parts: [],
  totals: { macs: 1e9, activationBytes: 5 },
};
const INSPECTION = {
  summary: SUMMARY,
  opsets: { '': 13 },
  producer: 'p',
  irVersion: 8,
  untrained: false,
  fileBytes: 9,
};
const TIMINGS = { totalMs: 1, layerMs: { conv: 0.5 } };
const SCORES = { type: 'scores', counts: [1, 2], picture: PICTURE, distances: true };

describe('an answer', () => {
  test.each([
    ['start', {}],
    ['load', { info: INFO }],
    ['load', { info: { ...INFO, provider: 'cuda', fallback: 'why' } }],
    ['unload', {}],
    ['run', { outcomes: [SCORES, { type: 'scores', distances: false }], normaliseMs: 1, inferenceMs: 2 }],
    ['run', { outcomes: [{ type: 'failed', code: 'internal', message: 'm' }], normaliseMs: 0, inferenceMs: 0 }],
    ['render', { picture: PICTURE, counts: [[1], [2, 8]] }],
    ['repeat', { images: 40, ms: 1000.5 }],
    ['compute', { tensors: [{ name: 'y', type: 'float32', dims: [1, 10] }], inferenceMs: 3 }],
    ['inspect', { inspection: INSPECTION }],
    ['inspect', { inspection: { ...INSPECTION, timings: TIMINGS } }],
  ] as const)('to "%s" is read: %o', (kind, answer) => {
    expect(parseAnswer(kind, received(answer))).toEqual(answer);
  });

  test.each([
    ['start', undefined],
    ['unload', null],
    ['load', {}],
    ['load', { info: { ...INFO, batch: 0 } }],
    ['load', { info: { ...INFO, classes: 1.5 } }],
    ['load', { info: { ...INFO, provider: 'tpu' } }],
    ['load', { info: { ...INFO, viewMs: null } }],
    ['load', { info: { ...INFO, layersOnCpu: {} } }],
    ['run', { outcomes: {}, normaliseMs: 1, inferenceMs: 2 }],
    ['run', { outcomes: [null], normaliseMs: 1, inferenceMs: 2 }],
    ['run', { outcomes: [{ type: 'perhaps' }], normaliseMs: 1, inferenceMs: 2 }],
    ['run', { outcomes: [{ type: 'scores', counts: { length: 1e9 } }], normaliseMs: 1, inferenceMs: 2 }],
    ['run', { outcomes: [{ type: 'scores', counts: [-1] }], normaliseMs: 1, inferenceMs: 2 }],
    ['run', { outcomes: [SCORES], normaliseMs: '1', inferenceMs: 2 }],
    ['render', { picture: { ...PICTURE, width: 0 }, counts: [[1]] }],
    ['render', { picture: PICTURE, counts: [1] }],
    ['repeat', { images: 'many', ms: 1000.5 }],
    ['compute', { tensors: [{ name: 'y', type: 'float32', dims: '10' }], inferenceMs: 3 }],
    ['inspect', { inspection: { ...INSPECTION, summary: { ...SUMMARY, totals: { macs: 1 } } } }],
    ['inspect', { inspection: { ...INSPECTION, summary: { ...SUMMARY, layers: {} } } }],
    ['inspect', { inspection: { ...INSPECTION, opsets: { '': '13' } } }],
    ['inspect', { inspection: { ...INSPECTION, timings: { totalMs: 1, layerMs: { conv: null } } } }],
  ] as const)('to "%s" is refused: %o', (kind, answer) => {
    expect(() => parseAnswer(kind, answer)).toThrow(`a worker answered "${kind}" with something else`);
  });
});

describe('the head of a call', () => {
  test.each([[{ id: 1, kind: 'unload', ask: { key: 'n' } }], [{ id: 2, kind: 'cancel' }]])('is known: %o', (head) => {
    expect(isAskHead(head)).toBe(true);
  });

  test.each([
    [{}],
    [{ id: '1', kind: 'cancel' }],
    [{ id: 1, kind: 'toString', ask: {} }],
    [{ id: 1, kind: 'run' }],
    [{ id: 1, kind: 'run', ask: null }],
  ])('is not known: %o', (head) => {
    expect(isAskHead(head)).toBe(false);
  });
});
