import { describe, expect, test } from 'vitest';
import type { MenagerieError } from '../../../src/core/errors.js';
import { type Candidate, chooseModel } from '../../../src/serving/asking/choose-model.js';

function served(id: string, classes: number, top1?: number, mode = 'shorter_side'): Candidate {
  const manifest = { preprocess: { resize: { mode } }, variants: { fp32: { top1 }, int8: { top1: 1 } } };
  const labels = Array.from({ length: classes }, (_, i) => ({ name: `class ${i}` }));
  return { variant: 'fp32', folder: { id, manifest, labels } } as unknown as Candidate;
}

const DIGITS = served('digits', 10, 99.5, 'digit');
const SMALL = served('small', 10, 90.5);
const BETTER = served('better', 10, 91.2);
const LARGE = served('large', 1000, 70);
const UNKNOWN = served('unknown', 1000);

describe('the model for a request that names none', () => {
  test('is the configured one, whoever serves', () => {
    expect(chooseModel([SMALL], 'chosen')).toEqual({ id: 'chosen', because: 'it is the configured default' });
  });

  test('is the only one', () => {
    expect(chooseModel([DIGITS], undefined)).toEqual({ id: 'digits', because: 'it is the only model that serves' });
  });

  test.each([
    ['for photographs before digits', [DIGITS, SMALL], 'small'],
    ['of more classes', [DIGITS, BETTER, LARGE, SMALL], 'large'],
    ['of better recorded accuracy', [SMALL, BETTER, DIGITS], 'better'],
    ['whose accuracy is recorded', [UNKNOWN, LARGE], 'large'],
    ['first by name where nothing else tells them apart', [served('b', 10), served('a', 10)], 'a'],
  ])('is one %s', (_, serving, id) => {
    expect(chooseModel(serving, undefined).id).toBe(id);
    expect(chooseModel([...serving].reverse(), undefined).id).toBe(id);
  });

  test('comes with the reason', () => {
    expect(chooseModel([SMALL, BETTER, DIGITS], undefined).because).toBe(
      'of 3 models that serve it is the best for photographs, with 10 classes and a top-1 accuracy of 91.2 %; name another with ?model=',
    );
    expect(chooseModel([UNKNOWN, SMALL], undefined).because).not.toContain('accuracy');
  });

  test('is none where none serves', () => {
    let error: unknown;
    try {
      chooseModel([], undefined);
    } catch (thrown) {
      error = thrown;
    }
    expect((error as MenagerieError).code).toBe('model_not_ready');
    expect((error as MenagerieError).retryAfterS).toBeGreaterThan(0);
  });
});
