import { describe, expect, test } from 'vitest';
import { Evaluation } from '../../../src/core/scores/evaluation.js';
import { confusionSvg } from '../../../src/report/confusion-svg.js';
import { evalCompareText, evalReport, evalText } from '../../../src/report/eval-report.js';

/** The class probabilities of four pictures of three classes, and what they show. */
const ANSWERS: [label: number, scores: number[]][] = [
  [0, [0.7, 0.2, 0.1]],
  [0, [0.35, 0.4, 0.25]],
  [1, [0.1, 0.85, 0.05]],
  [2, [0.75, 0.25, 0]],
];

function evaluated(answers = ANSWERS) {
  const evaluation = new Evaluation();
  for (const [label, scores] of answers) evaluation.add(label, { scores: Float32Array.from(scores) });
  return evaluation.result();
}

const FACTS = {
  id: 'net',
  networks: [{ id: 'net', variant: 'fp32', provider: 'cpu', version: 'abc' }],
  views: 1,
  dataset: { path: 'set', form: 'folders' },
  ms_per_image: 1,
  inference_ms_per_image: 0.5,
  workers: 2,
  failed: [],
};

describe('Evaluation', () => {
  test('counts what is right, overall and by class', () => {
    const { images, top1, top5, classes } = evaluated();
    expect([images, top1, top5]).toEqual([4, 0.5, 1]);
    expect(classes).toEqual([
      { index: 0, images: 2, top1: 1, top5: 2 },
      { index: 1, images: 1, top1: 1, top5: 1 },
      { index: 2, images: 1, top1: 0, top5: 1 },
    ]);
  });

  test('counts what was taken for what', () => {
    expect(evaluated().confusion).toEqual([
      { label: 0, answer: 0, images: 1 },
      { label: 0, answer: 1, images: 1 },
      { label: 1, answer: 1, images: 1 },
      { label: 2, answer: 0, images: 1 },
    ]);
  });

  test('the loss is the mean of -ln p, and a probability of 0 does not make it infinite', () => {
    const { meanLoss } = evaluated();
    const expected = -(Math.log(0.7) + Math.log(0.35) + Math.log(0.85) + Math.log(2 ** -126)) / 4;
    expect(meanLoss).toBeCloseTo(expected, 5);
  });

  test('the calibration error is the gap between confidence and accuracy, bin by bin', () => {
    // Bins of 1/15: 0.7 alone in (10/15, 11/15], 0.4 alone in (5/15, 6/15], 0.85 alone; 0.75 alone in (11/15, 12/15].
    const expected = (Math.abs(1 - 0.7) + Math.abs(0 - 0.4) + Math.abs(1 - 0.85) + Math.abs(0 - 0.75)) / 4;
    expect(evaluated().calibrationError).toBeCloseTo(expected, 6);
    // Two in one bin: over- and underconfidence cancel within it.
    const together = evaluated([
      [0, [0.8, 0.2]],
      [1, [0.8, 0.2]],
    ]);
    expect(together.calibrationError).toBeCloseTo(Math.abs(1 - 1.6) / 2, 6);
  });

  test('a network that is always sure and right is perfectly calibrated', () => {
    const { calibrationError, meanLoss } = evaluated([[1, [0, 1, 0]]]);
    expect([calibrationError, Math.abs(meanLoss)]).toEqual([0, 0]);
  });

  test('more than five classes: the sixth best is not among the first five', () => {
    const { top1, top5 } = evaluated([
      [5, [0.3, 0.2, 0.15, 0.13, 0.12, 0.1]],
      [4, [0.3, 0.2, 0.15, 0.13, 0.12, 0.1]],
    ]);
    expect([top1, top5]).toEqual([0, 0.5]);
  });

  test('of nothing everything is 0', () => {
    expect(new Evaluation().result()).toEqual({
      images: 0,
      top1: 0,
      top5: 0,
      meanLoss: 0,
      calibrationError: 0,
      classes: [],
      confusion: [],
    });
  });
});

describe('its report', () => {
  const labels = [{ name: 'cat' }, { name: 'a <dog> & "co"' }, { name: 'owl' }];

  test("has Wilson's interval", () => {
    // statsmodels.stats.proportion.proportion_confint(212, 250, method="wilson")
    const result = { ...evaluated(), images: 250, top1: 212 / 250 };
    const [low, high] = evalReport(result, labels, FACTS).top1_interval;
    expect(low).toBeCloseTo(0.7983, 3);
    expect(high).toBeCloseTo(0.8872, 3);
  });

  test('names classes and what they were taken for', () => {
    const text = evalText(evalReport(evaluated(), labels, FACTS));
    expect(text).toContain('Top-1');
    expect(text).toMatch(/owl +1 +0\.00 % +100\.00 % +cat \(1\)/);
    expect(evalCompareText([evalReport(evaluated(), labels, FACTS)])).toMatch(/net +fp32 +50\.00 %/);
  });

  test('draws every cell of the confusion matrix, names made safe', () => {
    const svg = confusionSvg(evalReport(evaluated(), labels, FACTS));
    expect(svg.match(/<rect [^>]*><title>/g)).toHaveLength(4);
    expect(svg).toContain('a &#60;dog&#62;');
    expect(svg).not.toContain('<dog>');
  });
});
