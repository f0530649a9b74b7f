import { describe, expect, test } from 'vitest';
import { keywordsOf } from '../../../src/cli/folders/keywords.js';
import { resultText } from '../../../src/cli/folders/result-lines.js';
import type { Combine } from '../../../src/core/scores/combine.js';
import { conclude, type MemberScores } from '../../../src/serving/answering/conclude.js';
import type { ServedModel } from '../../../src/serving/models/model.js';

/** A member that saw views at these distances. @param above its threshold; undefined: it has none */
function scored(above: number | undefined, distances: number[], weight = 1): MemberScores {
  const manifest = { output: { kind: 'logits' }, ...(above === undefined ? {} : { unknown: { output: 'd', above } }) };
  const model = { id: 'm', folder: { manifest }, info: { classes: 2 } } as unknown as ServedModel;
  const counts = distances.length > 0 ? distances.map(() => 1) : [1];
  const scores = new Float32Array(2 * counts.length);
  return { member: { model, weight, crops: 1 }, counts, scores, distances };
}
const alone = (one: MemberScores) => conclude([one], undefined, 'probabilities').unknown;
const together = (all: readonly MemberScores[]) => {
  const combine: Combine = 'probabilities';
  return conclude(all, { members: [], combine, minMembers: 1 }, 'probabilities');
};

describe('a picture is unknown', () => {
  test('only where the model says how to tell', () => {
    expect(alone(scored(undefined, []))).toBeUndefined();
    expect(alone(scored(0.5, [0.6]))).toBe(true);
    expect(alone(scored(0.5, [0.5]))).toBe(false);
  });

  test('if all of its views are', () => {
    expect(alone(scored(0.5, [0.6, 0.7, 0.9]))).toBe(true);
    expect(alone(scored(0.5, [0.6, 0.1, 0.9]))).toBe(false);
  });

  test('to an ensemble if it is to most of those that can tell, by weight', () => {
    const [known, unknown, silent] = [scored(0.5, [0.1]), scored(0.5, [0.9]), scored(undefined, [], 9)];
    expect(together([silent, silent]).unknown).toBeUndefined();
    expect(together([known, unknown]).unknown).toBe(false);
    expect(together([silent, unknown]).unknown).toBe(true);
    expect(together([known, unknown, unknown]).unknown).toBe(true);
    expect(together([known, known, scored(0.5, [0.9], 3)]).unknown).toBe(true);
    expect(together([known, unknown, silent]).members.map((member) => member.unknown)).toEqual([
      false,
      true,
      undefined,
    ]);
  });
});

describe('on the command line it', () => {
  const predictions = [{ index: 0, label: 'a', short_name: 'a', score: 0.9 }];
  const answer = { width: 1, height: 1, format: 'png', predictions };

  test('is said in text and in JSON', () => {
    const text = (unknown: boolean, format: 'text' | 'json') =>
      resultText({ file: 'p', answer: { ...answer, unknown } }, format);
    expect(text(true, 'text')).toMatch(/90\.00 % {2}a\n {2}unknown: .*\n$/);
    expect(text(false, 'text')).not.toContain('unknown');
    expect(JSON.parse(text(true, 'json'))).toMatchObject({ unknown: true });
    expect(JSON.parse(text(false, 'json'))).toMatchObject({ unknown: false });
  });

  test('gets no keywords', () => {
    expect(keywordsOf({ ...answer, unknown: true }, 0.5)).toEqual([]);
    expect(keywordsOf({ ...answer, unknown: false }, 0.5)).toEqual(['a']);
  });
});
