import { expect, test } from 'vitest';
import { recordRatios } from '../../../scripts/bench/compare.mjs';
import { Rows } from '../../../scripts/bench/rows.mjs';

type Figures = Record<string, number | null>;
const loop = (level: number, picture: 'small' | 'large', figures: Figures) => ({ level, picture, figures });

test('ratios are those of each round, and then their median', () => {
  const rows = new Rows();
  const keep = (labels: object, figures: Figures) =>
    rows.add({ network: 'n', service: '', load: '', ...labels }, figures);
  // The machine is half as fast in the second round, and this server a tenth better in it.
  for (const [own, python, limit] of [
    [100, 100, 200],
    [55, 50, 100],
  ] as const) {
    const done = new Map([
      [
        'menagerie',
        {
          topClass: 1,
          loops: [
            loop(1, 'small', { images_per_s: own / 2, cpu_s_per_image: 0.03, pss_mb: 300 }),
            loop(8, 'small', { images_per_s: own, cpu_s_per_image: 0.02, pss_mb: 300 }),
            loop(8, 'large', { images_per_s: own / 5, cpu_s_per_image: 0.1, pss_mb: 500 }),
          ],
        },
      ],
      [
        'python',
        {
          topClass: 1,
          loops: [
            // At best with one connection: rates at best are compared, whatever the connections.
            loop(1, 'small', { images_per_s: python, cpu_s_per_image: 0.01, pss_mb: 200 }),
            loop(8, 'small', { images_per_s: python / 2, cpu_s_per_image: 0.04, pss_mb: null }),
          ],
        },
      ],
    ]);
    recordRatios(done, { all: limit, network: 2 * limit }, keep);
  }
  const found = rows.summary();
  const of = (labels: object) =>
    found.find((row) => Object.entries(labels).every(([key, value]) => row[key as 'load'] === value));
  expect(of({ service: 'menagerie', load: 'best', picture: 'small' })?.figures).toEqual({
    images_per_s: { median: 77.5, min: 55, max: 100 },
    of_limit: { median: 0.525, min: 0.5, max: 0.55 },
    of_network: { median: 0.2625, min: 0.25, max: 0.275 },
  });
  expect(of({ service: 'python', load: 'best_ratio', picture: 'small' })?.figures).toEqual({
    images_per_s: { median: 1.05, min: 1, max: 1.1 },
  });
  expect(of({ service: 'python', load: 'ratio', level: 1 })?.figures).toMatchObject({
    images_per_s: { median: 0.525, min: 0.5, max: 0.55 },
    cpu_s_per_image: { median: 3, min: 3, max: 3 },
    pss_mb: { median: 1.5, min: 1.5, max: 1.5 },
  });
  // What is not known of one of the two is not compared.
  expect(of({ service: 'python', load: 'ratio', level: 8 })?.figures).not.toHaveProperty('pss_mb');
  expect(of({ load: 'best_ratio', picture: 'large' })).toBeUndefined();
  // Large pictures are not what the limit was measured with.
  expect(of({ service: 'menagerie', load: 'best', picture: 'large' })?.figures).toEqual({
    images_per_s: { median: 15.5, min: 11, max: 20 },
  });
});

test('a service that did nothing in the time is not compared', () => {
  const rows = new Rows();
  const doing = (images_per_s: number) => ({ topClass: 1, loops: [loop(8, 'small', { images_per_s })] });
  const done = new Map([
    ['menagerie', doing(10)],
    ['python', doing(0)],
  ]);
  recordRatios(done, undefined, (labels, figures) => rows.add({ network: 'n', ...labels }, figures));
  for (const { load, figures } of rows.summary()) {
    if (load !== 'best') expect(figures).toEqual({});
  }
});
