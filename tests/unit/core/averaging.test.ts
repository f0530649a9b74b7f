import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { softmax } from '../../../src/core/scores/activation.js';
import {
  agreement,
  type Combined,
  combineMembers,
  type MemberAnswer,
  meanOverViews,
  memberAnswer,
  type ScoreKind,
} from '../../../src/core/scores/averaging.js';
import type { Combine } from '../../../src/core/scores/combine.js';
import { topK } from '../../../src/core/scores/top-k.js';

const RULES: Combine[] = ['probabilities', 'logits', 'geometric', 'vote'];

interface ReferenceMember {
  kind: ScoreKind;
  classes: number;
  scores: number[];
  weights: number[];
  probabilities: number[];
  averaged_as_logits: number[];
  log_softmax_of_mean: number[];
}

interface Reference {
  ensembles: {
    members: ReferenceMember[];
    weights: number[];
    combined: Record<Combine, number[]>;
    vote_order: number[];
    winner: number;
    votes: number;
    jensen_shannon: number;
  }[];
}

const reference: Reference = JSON.parse(
  readFileSync(new URL('../../fixtures/averaging.json', import.meta.url), 'utf8'),
);

/** Within rounding to float32, relative to each value where it is not tiny. */
function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(actual).toHaveLength(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const wanted = expected[i] as number;
    expect(Math.abs((actual[i] as number) - wanted)).toBeLessThanOrEqual(1e-6 * Math.abs(wanted) + 1e-30);
  }
}

const answerOf = ({ scores, classes, weights, kind }: ReferenceMember, average: ScoreKind = 'probabilities') =>
  memberAnswer(Float32Array.from(scores), classes, weights, kind, average);
const order = ({ scores, tieBreak }: Combined) => topK(scores, scores.length, tieBreak).map(({ index }) => index);

describe.each(reference.ensembles)('as NumPy and SciPy have it, ensemble %#', (ensemble) => {
  const members = ensemble.members.map((member) => answerOf(member));

  test.each(ensemble.members)('views of member %#', (member) => {
    const { scores, classes, weights, kind } = member;
    const mean = (average: ScoreKind) => meanOverViews(Float32Array.from(scores), classes, weights, kind, average);
    expectClose(mean('probabilities'), member.probabilities);
    expectClose(mean('logits'), member.averaged_as_logits);
    expect(answerOf(member).probabilities).toEqual(mean('probabilities'));
    expect(answerOf(member, 'logits').probabilities).toEqual(mean('logits'));
    const [first = 0, firstWanted = 0] = [answerOf(member).logits[0], member.log_softmax_of_mean[0]];
    const shifted = answerOf(member).logits.map((logit) => logit - first + firstWanted);
    shifted.forEach((logit, i) => {
      expect(logit).toBeCloseTo(member.log_softmax_of_mean[i] as number, 5);
    });
  });

  test.each(RULES)('combined by %s', (rule) => {
    expectClose(combineMembers(members, ensemble.weights, rule).scores, ensemble.combined[rule]);
  });

  test('ranking after a vote', () => {
    expect(order(combineMembers(members, ensemble.weights, 'vote'))).toEqual(ensemble.vote_order);
  });

  test('agreement', () => {
    const probabilities = members.map((member) => member.probabilities);
    const found = agreement(probabilities, ensemble.weights, ensemble.winner);
    expect(found).toMatchObject({ votes: ensemble.votes, members: members.length });
    expect(found.jensenShannon).toBeCloseTo(ensemble.jensen_shannon, 6);
  });
});

/** A member with one view of these probabilities. */
const certain = (...probabilities: number[]): MemberAnswer =>
  memberAnswer(Float32Array.from(probabilities), probabilities.length, [1], 'probabilities', 'probabilities');

describe('combineMembers', () => {
  it('breaks a tie of votes by probabilities, and shows the votes', () => {
    const members = [certain(0.6, 0.4, 0, 0), certain(0.1, 0.6, 0.3, 0), certain(0, 0.15, 0.85, 0)];
    const combined = combineMembers(members, [1, 1, 2], 'vote');
    expect([...combined.scores]).toEqual([0.25, 0.25, 0.5, 0]);
    expect(topK(combined.scores, 2, combined.tieBreak)).toEqual([
      { index: 2, score: 0.5 },
      { index: 1, score: 0.25 },
    ]);
    expect(order(combined)).toEqual([2, 1, 0, 3]);
  });

  it('ties votes whose sums differ by rounding only', () => {
    const members = [certain(0.9, 0.1), certain(0.9, 0.1), certain(0, 1)];
    const { scores } = combineMembers(members, [0.1, 0.2, 0.3], 'vote');
    expect([...scores]).toEqual([0.5, 0.5]);
  });

  it('tells logits from geometric only where views were averaged as probabilities', () => {
    const views = Float32Array.of(4, 0, 0, -3, 0, 1);
    const other = certain(0.2, 0.5, 0.3);
    const scores = (average: ScoreKind, rule: Combine) =>
      combineMembers([memberAnswer(views, 3, [1, 1], 'logits', average), other], [2, 1], rule).scores;
    expectClose(scores('logits', 'geometric'), scores('logits', 'logits'));
    expectClose(scores('probabilities', 'logits'), scores('logits', 'logits'));
    expect(scores('probabilities', 'geometric')[0]).not.toBeCloseTo(scores('probabilities', 'logits')[0] as number, 2);
  });

  it('keeps a class that one member rules out', () => {
    const members = [certain(0, 1), certain(1, 0)];
    for (const rule of ['logits', 'geometric'] as const) {
      expect([...combineMembers(members, [1, 1], rule).scores]).toEqual([0.5, 0.5]);
    }
  });

  it('refuses lengths that do not match', () => {
    expect(() => combineMembers([certain(0, 1)], [1, 1], 'probabilities')).toThrow('1 answers, 2 weights');
    expect(() => combineMembers([certain(0, 1), certain(1)], [1, 1], 'vote')).toThrow('different lengths');
    expect(() => combineMembers([certain(0, 1)], [0], 'geometric')).toThrow('weights sum to 0');
    expect(() => meanOverViews(new Float32Array(5), 2, [1, 1], 'logits', 'logits')).toThrow('5 scores are not 2 rows');
  });
});

describe('agreement', () => {
  it('is log2 of the members where each is sure of another class', () => {
    const members = [Float32Array.of(1, 0, 0), Float32Array.of(0, 1, 0), Float32Array.of(0, 0, 1)];
    const { votes, jensenShannon } = agreement(members, [2, 2, 2], 1);
    expect(votes).toBe(1);
    expect(jensenShannon).toBeCloseTo(Math.log2(3), 10);
  });
});

test('softmax takes a part of a larger array', () => {
  const rows = Float32Array.of(9, 0, Math.log(3), 9);
  expect([...softmax(rows.subarray(1, 3))]).toEqual([0.25, 0.75]);
});

describe('whatever the networks answer', () => {
  const positive = fc.double({ min: 0.01, max: 100, noNaN: true });
  const view = (classes: number) =>
    fc.float32Array({ minLength: classes, maxLength: classes, min: -1e4, max: 1e4, noNaN: true });
  /** A network's views as rows of logits or probabilities, with weights. */
  const views = (classes: number) =>
    fc
      .tuple(
        fc.array(fc.tuple(view(classes), fc.integer({ min: 1, max: 9 })), { minLength: 1, maxLength: 4 }),
        fc.constantFrom<ScoreKind>('logits', 'probabilities'),
        fc.constantFrom<ScoreKind>('logits', 'probabilities'),
      )
      .map(([rows, kind, average]) => {
        const scores = rows.flatMap(([logits]) => [...(kind === 'logits' ? logits : softmax(logits))]);
        const weights = rows.map(([, weight]) => weight);
        return memberAnswer(Float32Array.from(scores), classes, weights, kind, average);
      });
  const ensembles = fc
    .integer({ min: 1, max: 6 })
    .chain((classes) => fc.array(fc.tuple(views(classes), positive), { minLength: 1, maxLength: 5 }));
  const rules = fc.constantFrom(...RULES);

  const combine = (ensemble: readonly (readonly [MemberAnswer, number])[], rule: Combine, factor = 1) =>
    combineMembers(
      ensemble.map(([member]) => member),
      ensemble.map(([, weight]) => weight * factor),
      rule,
    );
  const divergence = (ensemble: readonly (readonly [MemberAnswer, number])[]) =>
    agreement(
      ensemble.map(([{ probabilities }]) => probabilities),
      ensemble.map(([, weight]) => weight),
      0,
    ).jensenShannon;
  const expectNear = (actual: Float32Array, expected: Float32Array) => {
    actual.forEach((score, i) => {
      expect(score).toBeCloseTo(expected[i] as number, 5);
    });
  };

  test('scores are finite and sum to one', () => {
    fc.assert(
      fc.property(ensembles, rules, (ensemble, rule) => {
        const { scores } = combine(ensemble, rule);
        expect(scores.every((score) => score >= 0 && score <= 1)).toBe(true);
        expect(scores.reduce((sum, score) => sum + score, 0)).toBeCloseTo(1, 5);
        for (const [{ logits }] of ensemble) expect(logits.every(Number.isFinite)).toBe(true);
      }),
    );
  });

  test('neither the order of the members nor the scale of the weights matters', () => {
    fc.assert(
      fc.property(ensembles, rules, positive, (ensemble, rule, factor) => {
        const { scores } = combine(ensemble, rule);
        expectNear(combine(ensemble.toReversed(), rule).scores, scores);
        expectNear(combine(ensemble, rule, factor).scores, scores);
        expect(divergence(ensemble.toReversed())).toBeCloseTo(divergence(ensemble), 9);
      }),
    );
  });

  test('members that say the same say it together, and diverge by nothing', () => {
    fc.assert(
      fc.property(
        views(5),
        fc.array(positive, { minLength: 1, maxLength: 5 }),
        fc.constantFrom<Combine>('probabilities', 'geometric'),
        (member, weights, rule) => {
          const ensemble = weights.map((weight) => [member, weight] as const);
          expectNear(combine(ensemble, rule).scores, member.probabilities);
          expect(divergence(ensemble)).toBeLessThan(1e-9);
        },
      ),
    );
  });

  test('the divergence is at most log2 of the members', () => {
    fc.assert(
      fc.property(ensembles, (ensemble) => {
        expect(divergence(ensemble)).toBeGreaterThanOrEqual(0);
        expect(divergence(ensemble)).toBeLessThanOrEqual(Math.log2(ensemble.length) + 1e-6);
      }),
    );
  });
});
