import { describe, expect, test } from 'vitest';
import { trainingWarnings, unknownSays } from '../../../src/training/report/findings.js';
import { thumbnailUrl } from '../../../src/training/report/report-parts.js';
import { parseTrainingReport, type TrainingReport } from '../../../src/training/report/training-report.js';
import { fullReport, measuresOf, pictureOf, reportOf, shareOf } from '../../support/training-reports.js';

const parsed = (report: object) => parseTrainingReport(JSON.stringify(report), 'training.json');

describe('the schema of a report', () => {
  test.each([
    ['something of everything', fullReport(['ants', 'bees'], ['ants/1.jpg', 'ants/2.jpg'])],
    ['two classes with three pictures', reportOf(['a', 'b'], 3)],
    ['a thousand classes', reportOf(many(1000), 20)],
  ])('allows %s', (_what, report) => {
    expect(parsed(report)).toEqual(report);
  });

  const report = fullReport(['ants', 'bees'], ['ants/1.jpg', 'ants/2.jpg']);
  test.each([
    [
      'a share above 1',
      { cross_validation: { ...report.cross_validation, balanced_accuracy: 1.2 } },
      /balanced_accuracy/,
    ],
    [
      'a figure that is no number',
      { cross_validation: { ...report.cross_validation, log_loss: Number.NaN } },
      /log_loss/,
    ],
    ['a short hash', { base: { ...report.base, sha256: 'abc' } }, /base\.sha256/],
    ['one class', { data: { ...report.data, classes: report.data.classes.slice(1) } }, /data\.classes/],
    ['an unknown field', { accuracy: 1 }, /unknown field "accuracy"/],
    [
      'a thumbnail from elsewhere',
      { wrong: { count: 1, listed: [{ ...report.wrong.listed[0], thumbnail: 'https://example.org/x.jpg' }] } },
      /wrong\.listed\.0\.thumbnail/,
    ],
    [
      'a thumbnail that is a picture in full',
      {
        wrong: { count: 1, listed: [{ ...report.wrong.listed[0], thumbnail: thumbnailUrl(new Uint8Array(100_000)) }] },
      },
      /wrong\.listed\.0\.thumbnail/,
    ],
    [
      'more pictures than a page can show',
      { wrong: { count: 100, listed: Array.from({ length: 100 }, () => report.wrong.listed[0]) } },
      /wrong\.listed/,
    ],
  ])('refuses %s', (_what, fault, message) => {
    expect(() => parsed({ ...report, ...fault })).toThrow(message);
  });

  test('a thumbnail is a data URL of its bytes', () => {
    expect(thumbnailUrl(Uint8Array.of(255, 216, 255))).toBe('data:image/jpeg;base64,/9j/');
    expect(thumbnailUrl(null)).toBeNull();
  });
});

describe('warnings', () => {
  const good = reportOf(['ants', 'bees'], 120, {
    cross_validation: measures({ accuracy: shareOf(0.967, 0.937, 0.983) }),
  });
  const warned = (more: Partial<TrainingReport>) => trainingWarnings({ ...good, ...more });
  const data = (more: Partial<TrainingReport['data']>) => ({ data: { ...good.data, ...more } });
  const counts = (...train: number[]) =>
    data({ classes: train.map((images, i) => ({ label: `c${i}`, train: images, val: null })) });

  test('a good training has none', () => {
    expect(trainingWarnings(good)).toEqual([]);
  });

  test.each<[string, Partial<TrainingReport>, RegExp]>([
    ['few pictures', counts(3, 8, 5, 4, 6), /^Few pictures: "c0" \(3\), "c3" \(4\), "c2" \(5\) and 2 more\./],
    ['classes of unequal size', counts(121, 25), /^Unbalanced: "c0" has 121 pictures, "c1" 25\. Look/],
    [
      'one class that dominates',
      { cross_validation: measures({ base_rate: { label: 'ants', value: 0.9 } }) },
      /^One class dominates\./,
    ],
    [
      'an accuracy that guessing reaches',
      { cross_validation: measures({ accuracy: shareOf(0.55, 0.48, 0.62) }) },
      /^The network is not surely better than a constant answer\..*Do not use it yet\.$/,
    ],
    [
      'too few tested pictures to tell',
      { cross_validation: measures({ images: 12, accuracy: shareOf(0.83, 0.55, 0.95) }) },
      /^Only 12 pictures could be tested, so the accuracy may be anything from 55\.0 % to 95\.0 %/,
    ],
    [
      'probabilities that mislead',
      { cross_validation: measures({ calibration_error: 0.2 }) },
      /^Probabilities are off by 20\.0 %/,
    ],
    [
      'a val set of another kind',
      { val: measures({ accuracy: shareOf(0.7, 0.63, 0.77) }) },
      /of val are answered worse \(70\.0 %\)/,
    ],
    [
      'near-duplicates across train and val',
      { val: good.cross_validation, ...data({ near_duplicates: { ...good.data.near_duplicates, across_splits: 1 } }) },
      /^Near-duplicates across train and val: 1 picture of val\./,
    ],
    [
      'many near-duplicates',
      data({ near_duplicates: { ...good.data.near_duplicates, images: 100 } }),
      /^100 of 240 pictures nearly equal another\./,
    ],
    [
      'a class without val pictures',
      { val: good.cross_validation, ...data({ classes: good.data.classes.map((one, i) => ({ ...one, val: i })) }) },
      /^val has no picture of "ants"\.$/,
    ],
    [
      'a class that is never recognised',
      { cross_validation: measures({ classes: [1, 0].map((recall) => ({ images: 120, recall: shareOf(recall) })) }) },
      /^Never recognised: "bees"\.$/,
    ],
    ['labels that look wrong', { suspicious: { count: 24, listed: [] } }, /^The labels of 24 pictures look wrong\./],
    [
      'a picture in two classes',
      data({
        conflicts: { count: 1, listed: [{ count: 2, listed: [pictureOf('a', 'ants'), pictureOf('b', 'bees')] }] },
      }),
      /^1 picture stands in more than one class\./,
    ],
    ['skipped files', data({ skipped: { count: 7, listed: [] } }), /^7 files were skipped\./],
  ])('tell of %s', (_what, more, message) => {
    const found = warned(more);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(message);
  });

  test('say that classes were weighted', () => {
    expect(warned({ ...counts(121, 25), head: { ...good.head, weighted: true } })[0]).toContain(
      'given the same weight',
    );
  });

  test('stay few and short with a thousand classes', () => {
    const labels = many(1000);
    const worst = { ...measuresOf(labels, 3), classes: labels.map(() => ({ images: 3, recall: shareOf(0) })) };
    const found = trainingWarnings(reportOf(labels, 3, { cross_validation: worst }));
    expect(found.length).toBeLessThan(6);
    expect(Math.max(...found.map(({ length }) => length))).toBeLessThan(250);
  });

  function measures(more: Partial<TrainingReport['cross_validation']>) {
    const plain = measuresOf(['ants', 'bees'], 120);
    return { ...plain, accuracy: shareOf(0.967, 0.937, 0.983), ...more };
  }
});

describe('plain words', () => {
  test('what unknown means', () => {
    expect(unknownSays(0.05)).toMatch(/"unknown": true .* 5\.0 % are called unknown by mistake/);
  });
});

function many(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `class ${i}`);
}
