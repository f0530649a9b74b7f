import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { TrainingPicture } from '../../../../src/training/pictures/training-set.js';
import { buildReport, type TrainingFindings } from '../../../../src/training/report/build-report.js';
import { parseTrainingReport } from '../../../../src/training/report/training-report.js';
import { reportOf, TINY_JPEG } from '../../../support/training-reports.js';

const LABELS = ['ants', 'bees', 'wasps'];
const picture = (label: number, name: string): TrainingPicture => ({
  file: `${LABELS[label]}/${name}.jpg`,
  path: Buffer.from(`/pictures/${LABELS[label]}/${name}.jpg`),
  class: label,
  sha256: createHash('sha256').update(`${label} ${name}`).digest('hex'),
  bytes: 10,
});
/** Probabilities in which each picture's class is the answer, but for some. */
const answers = (pictures: readonly TrainingPicture[], other: Record<number, number[]> = {}) =>
  Float32Array.from(
    pictures.flatMap((one, i) => other[i] ?? LABELS.map((_, label) => (label === one.class ? 0.8 : 0.1))),
  );

const TRAIN = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2].map((label, i) => picture(label, `t${i}`));
const VAL = [0, 1].map((label, i) => picture(label, `v${i}`));

function findings(changes: Partial<TrainingFindings> = {}, train = TRAIN, val = VAL): TrainingFindings {
  return {
    set: {
      classes: LABELS,
      pictures: train,
      validation: val,
      duplicates: [],
      conflicts: [],
      emptyClasses: [],
      skipped: [],
    },
    train,
    val,
    failed: [],
    groups: Int32Array.from([...train, ...val], (_, i) => i),
    similarity: 0.87,
    head: {
      head: { classes: 3, weights: new Float32Array(6), bias: new Float32Array(3) },
      l2: 0.1,
      hidden: 0,
      candidates: [{ l2: 0.1, hidden: 0, logLoss: 0.25 }],
      heldOut: answers(train),
      learningCurve: [
        { perClass: 2, accuracy: 0.7, low: 0.6, high: 0.8 },
        { perClass: 4, accuracy: 0.9, low: 0.85, high: 0.95 },
      ],
    },
    weighted: true,
    folds: 5,
    valProbabilities: answers(val),
    unknown: { above: 0.4, known: 10, heldOutShare: 0.05 },
    ...changes,
  };
}

const { id, finished_at, base, result, depth, augment, tail, cost, seed, versions } = reportOf(LABELS, 4);
const FACTS = { id, finished_at, base, result, depth, augment, tail, cost, seed, versions };
const build = (found: TrainingFindings, thumbnail = async () => TINY_JPEG as string | null) =>
  buildReport(found, FACTS, thumbnail);

describe('the report of a training', () => {
  test('counts pictures, states what was chosen, and follows its schema', async () => {
    const report = await build(findings());
    expect(parseTrainingReport(JSON.stringify(report), 'training.json')).toEqual(report);
    expect(report).toMatchObject({
      ...FACTS,
      data: {
        train: 10,
        val: 2,
        classes: [
          { label: 'ants', train: 4, val: 1 },
          { label: 'bees', train: 4, val: 1 },
          { label: 'wasps', train: 2, val: 0 },
        ],
      },
      cross_validation: { images: 10, accuracy: { value: 1 }, base_rate: { label: 'ants', value: 0.4 } },
      val: { images: 2, accuracy: { value: 1 } },
      head: { l2: 0.1, hidden: 0, weighted: true, folds: 5, candidates: [{ l2: 0.1, hidden: 0, log_loss: 0.25 }] },
      learning_curve: { points: [{ per_class: 2 }, { per_class: 4 }], would_help: true },
      unknown: { above: 0.4, known: 10, held_out_share: 0.05 },
      wrong: { count: 0, listed: [] },
      suspicious: { count: 0, listed: [] },
    });
  });

  test('without pictures to measure on, and without an unknown score, says so', async () => {
    const report = await build(
      findings({ val: [], valProbabilities: new Float32Array(0), unknown: undefined }, TRAIN, []),
    );
    expect(report).toMatchObject({ val: null, unknown: null, data: { val: null, classes: [{ val: null }, {}, {}] } });
  });

  test('lists wrong answers of both parts, the surest first, and the labels that look wrong', async () => {
    const heldOut = answers(TRAIN, { 1: [0.3, 0.6, 0.1], 8: [0.01, 0.98, 0.01] });
    const report = await build(
      findings({ head: { ...findings().head, heldOut }, valProbabilities: answers(VAL, { 0: [0.1, 0.2, 0.7] }) }),
    );
    expect(report.wrong.count).toBe(3);
    expect(
      report.wrong.listed.map(({ file, split, answer, probability }) => [file, split, answer, +probability.toFixed(2)]),
    ).toEqual([
      ['wasps/t8.jpg', 'train', 'bees', 0.98],
      ['ants/v0.jpg', 'val', 'wasps', 0.7],
      ['ants/t1.jpg', 'train', 'bees', 0.6],
    ]);
    expect(report.suspicious.listed[0]).toMatchObject({ file: 'wasps/t8.jpg', label: 'wasps', thumbnail: TINY_JPEG });
    expect(report.suspicious.listed.every(({ split }) => split === 'train')).toBe(true);
  });

  test('shows near-duplicates, and counts those of val that are also in train', async () => {
    // Two of train; one of train and one of val.
    const groups = Int32Array.from([7, 7, 2, 3, 4, 5, 6, 9, 8, 10, 4, 11]);
    const { near_duplicates: near } = (await build(findings({ groups }))).data;
    expect(near).toMatchObject({ similarity: 0.87, images: 4, across_splits: 1, groups: { count: 2 } });
    expect(
      near.groups.listed.map(({ count, listed }) => [count, listed.map(({ file, split }) => `${split} ${file}`)]),
    ).toEqual([
      [2, ['train ants/t0.jpg', 'train ants/t1.jpg']],
      [2, ['train bees/t4.jpg', 'val ants/v0.jpg']],
    ]);
  });

  test('cuts long lists, counts all, and asks for no more thumbnails than it shows', async () => {
    const train = Array.from({ length: 1000 }, (_, i) => picture(i % 3, `t${i}`));
    let made = 0;
    const report = await build(
      findings(
        {
          head: {
            ...findings().head,
            heldOut: answers(
              train,
              Object.fromEntries(
                train.map(({ class: c }, i) => [i, LABELS.map((_, l) => (l === (c + 1) % 3 ? 0.9 : 0.05))]),
              ),
            ),
          },
          groups: Int32Array.from([...train, ...VAL], (_, i) => (i < 100 ? 0 : Math.floor(i / 2))),
          failed: Array.from({ length: 300 }, (_, i) => ({ file: `f${i}`, reason: 'corrupt' })),
        },
        train,
      ),
      async () => {
        made++;
        return null;
      },
    );
    expect(parseTrainingReport(JSON.stringify(report), 'training.json')).toEqual(report);
    const { wrong, suspicious, data } = report;
    expect([wrong.count, wrong.listed.length]).toEqual([1000, 48]);
    expect([suspicious.count, suspicious.listed.length]).toEqual([1000, 24]);
    expect([data.skipped.count, data.skipped.listed.length]).toEqual([300, 200]);
    expect(data.near_duplicates.groups.listed[0]).toMatchObject({ count: 100 });
    expect(data.near_duplicates.groups.listed[0]?.listed).toHaveLength(6);
    expect(made).toBe(48 + 24 + data.near_duplicates.groups.listed.reduce((sum, { listed }) => sum + listed.length, 0));
  });

  test('names duplicates, contradictions and files that were skipped', async () => {
    const { set } = findings();
    const report = await build(
      findings({
        set: {
          ...set,
          duplicates: [{ file: 'ants/a.jpg', of: 'ants/b.jpg' }],
          conflicts: [
            [
              // The folder of a class may lie in one that is called like another class.
              { file: 'bees/ants/1.jpg', split: 'val', label: 'bees' },
              { file: 'ants/1.jpg', split: 'train', label: 'ants' },
            ],
          ],
          skipped: [{ file: 'x.txt', reason: 'not a picture' }],
        },
        failed: [{ file: 'ants/9.jpg', reason: 'damaged' }],
      }),
    );
    expect(report.data).toMatchObject({
      duplicates: { count: 1, listed: [{ file: 'ants/a.jpg', same_as: 'ants/b.jpg' }] },
      skipped: { count: 2, listed: [{ file: 'x.txt' }, { file: 'ants/9.jpg' }] },
    });
    expect(report.data.conflicts).toEqual({
      count: 1,
      listed: [
        {
          count: 2,
          listed: [
            { file: 'bees/ants/1.jpg', split: 'val', label: 'bees', thumbnail: null },
            { file: 'ants/1.jpg', split: 'train', label: 'ants', thumbnail: null },
          ],
        },
      ],
    });
    expect(report.warnings.join()).toContain('more than one class');
  });

  test('has a hash of the data that does not depend on order, but on classes, pictures and labels', async () => {
    const hashOf = async (train: TrainingPicture[], classes = LABELS) => {
      const found = findings({}, train);
      return (await build({ ...found, set: { ...found.set, classes } })).data.sha256;
    };
    const first = await hashOf(TRAIN);
    expect(await hashOf([...TRAIN].reverse())).toBe(first);
    const relabelled = TRAIN.map((one, i) => (i === 0 ? { ...one, class: 1 } : one));
    const others = [
      await hashOf(TRAIN.slice(1)),
      await hashOf(relabelled),
      await hashOf(TRAIN, ['ants', 'bees', 'flies']),
    ];
    expect(new Set([first, ...others]).size).toBe(4);
  });

  test('ends with the reason of a signal that thumbnails follow', async () => {
    const heldOut = answers(TRAIN, { 1: [0.3, 0.6, 0.1] });
    const gone = build(findings({ head: { ...findings().head, heldOut } }), () => Promise.reject(new Error('gone')));
    await expect(gone).rejects.toThrow('gone');
  });
});
