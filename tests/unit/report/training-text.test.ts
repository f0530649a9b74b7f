import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { trainingText } from '../../../src/report/training/training-text.js';
import { fullReport, reportOf } from '../../support/training-reports.js';

const ODD = [
  'a'.repeat(300),
  '犬'.repeat(100),
  '\u001b[31mred',
  'line\nend',
  '\u202eexe.gpj',
  "<script>alert('x')</script>",
];

describe('the text of a training', () => {
  test('says first how often it is right, and what a constant answer would reach', () => {
    const [title, , first] = trainingText(fullReport(['ants', 'bees'], ['ants/1.jpg'])).split('\n');
    expect(title).toMatch(/^insects: trained on mobilenetv2 \(fp32\)/);
    expect(first).toMatch(/^ {2}Right in 90\.0 % \(87\.0 to 92\.0\) of 240 pictures/);
  });

  test.each([
    ['plain names', fullReport(['ants', 'bees'], ['ants/1.jpg', 'ants/2.jpg'])],
    [
      'odd names',
      fullReport(
        ODD,
        ODD.map((name) => `${name}/${name}.jpg`),
      ),
    ],
    ['two classes with three pictures', reportOf(['a', 'b'], 3)],
    [
      'a thousand classes',
      reportOf(
        Array.from({ length: 1000 }, (_, i) => `class ${i}`),
        30,
      ),
    ],
  ])('fits a terminal of 100 columns, with %s', (_what, report) => {
    const lines = trainingText(report).split('\n');
    // Words that are longer than a line cannot be broken.
    const long = lines.filter(
      (line) => stringWidth(line) > 100 && line.trim().includes(' ') && !/a{99}|犬{40}/.test(line),
    );
    expect(long).toEqual([]);
    expect(lines.length).toBeLessThan(250);
  });

  test('nothing in it controls the terminal', () => {
    const text = trainingText(fullReport(ODD, ODD));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  });

  test('names the worst of many classes, and counts the rest', () => {
    const labels = Array.from({ length: 1000 }, (_, i) => `class ${i}`);
    const report = reportOf(labels, 30);
    const worst = { images: 30, recall: { value: 0.1, low: 0, high: 0.3 } };
    report.cross_validation.classes[777] = worst;
    const text = trainingText(report);
    expect(text).toMatch(/The 40 worst of 1000 classes\.\n.*\n {2}class 777 +30 +10\.0 %/);
    expect(text).toMatch(/The 20 worst of 1000 pairs\./);
  });

  test('leaves out what there is not', () => {
    const text = trainingText(reportOf(['a', 'b'], 3));
    expect(text).not.toMatch(/Warnings|On val|Left out|Labels that look wrong|nearly equal|NaN|undefined|null/i);
  });

  test('says what happens to a picture of none of the classes', () => {
    expect(trainingText(reportOf(['a', 'b'], 3))).toContain('It gets one of them all the same');
    expect(trainingText(fullReport(['a', 'b'], []))).toContain('Threshold: distance 0.4321');
  });
});
