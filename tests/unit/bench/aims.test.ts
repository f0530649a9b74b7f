import { expect, test } from 'vitest';
import { aims } from '../../../scripts/bench/aims.mjs';

type Figures = Parameters<typeof aims>[0];
type Row = Figures['rows'][number];

const spread = (median: number, min = median, max = median) => ({ median, min, max });
const ratio = (network: string, service: string, cpu: ReturnType<typeof spread>): Row => ({
  ...{ network, service, load: 'ratio', level: 32, picture: 'small' },
  figures: { cpu_s_per_image: cpu },
});
const memory = (network: string, service: string, mb: number): Row => ({
  ...{ network, service, load: 'closed', level: 32, body: 'form', picture: 'small' },
  figures: { pss_mb: spread(mb) },
});

/** The line that begins so. */
function line(begin: string, rows: Row[], names = ['resnet18', 'resnet50']) {
  const networks = names.map((name) => ({ name, picture: { bytes: 1, width: 1, height: 1 }, differing: [] }));
  const facts = { machine: '', versions: {}, date: '', load_average: 0, seconds: 1, rounds: 1, minutes: 1 };
  return aims({ ...facts, networks, rows }).find((text) => text.startsWith(begin));
}

test('what nothing was measured for is said', () => {
  expect(line('CPU for a picture not above that of Triton', [])).toMatch(/spread: not measured\.$/);
});

test('another service is beaten if one round says so', () => {
  const rows = [
    ratio('resnet18', 'triton', spread(1.02, 0.99, 1.1)),
    ratio('resnet50', 'triton', spread(1.02, 1.01, 1.03)),
  ];
  expect(line('CPU for a picture not above that of Triton', rows)).toMatch(
    /spread: missed: resnet50 1\.020 \(1\.010-1\.030\); not measured: squeezenet1\.1, mobilenetv2, resnet50-int8\.$/,
  );
  expect(line('CPU for a picture not above that of Triton', rows.slice(0, 1))).toMatch(
    /reached \(resnet18 1\.020 \(0\.990-1\.100\)\)/,
  );
});

test('a median decides what is reached, near and missed', () => {
  const rows = [
    ratio('squeezenet1.1', 'python', spread(1.03, 1, 1.2)),
    ratio('resnet18', 'python', spread(1.06, 1, 1.2)),
    ratio('resnet50', 'python', spread(1.061, 1, 1.2)),
  ];
  expect(line('CPU for a picture at most 1.03', rows)).toMatch(
    /: missed: resnet50 1\.061 \(.*?\); near: resnet18 1\.060 \(.*?\); not/,
  );
});

test('memory is compared with what the Python service takes', () => {
  const rows = [memory('resnet18', 'menagerie', 200), memory('resnet18', 'python', 100)];
  expect(line('Memory at most 1.2 times', rows)).toMatch(
    /: reached \(resnet18 200 of 200 MB\); not measured: resnet50\.$/,
  );
  expect(line('Memory at most 1.2 times', [memory('resnet18', 'menagerie', 201), ...rows.slice(1)])).toMatch(
    /: missed: resnet18 201 of 200 MB;/,
  );
});
