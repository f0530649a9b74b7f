import { describe, expect, test } from 'vitest';
import { type BenchLevel, type BenchRun, benchJson, benchText, failedOf } from '../../../src/cli/bench/bench-report.js';

const RUN: BenchRun = {
  machine: { cpu: 'Z80', cores: 1, node: '24.0.0', onnxruntime: '1.30.0' },
  model: 'lenet5',
  variant: 'fp32',
  provider: 'cpu',
  layout: { workers: 2, threads: 1 },
  url: undefined,
  pictures: ['a.png', 'b\u001b.png'],
  raw: false,
  seconds: 10,
};
const LEVEL: BenchLevel = {
  connections: 8,
  shot: {
    images: 400,
    imagesPerS: 40.04,
    latencyMs: { p50: 10.123, p90: 20, p99: 30 },
    failures: new Map([
      ['status 503', 2],
      ['connection closed', 1],
    ]),
  },
  cpuSeconds: 2,
  memoryBytes: 250_000_000,
  bare: { imagesPerS: 80, cpuMs: 4 },
};
/** Of a server that ran already and answered nothing. */
const NOTHING: BenchLevel = {
  connections: 1,
  shot: { images: 0, imagesPerS: 0, latencyMs: undefined, failures: new Map() },
  cpuSeconds: undefined,
  memoryBytes: undefined,
  bare: undefined,
};

describe('the table', () => {
  test('has one row for each number of connections', () => {
    expect(failedOf(LEVEL)).toBe(3);
    expect(benchText(RUN, [LEVEL])).toBe(
      [
        '1 core of Z80, Node 24.0.0, ONNX Runtime 1.30.0',
        'lenet5 (fp32 on cpu), 2 workers of 1 thread; a.png, b?.png, in a form',
        '',
        'CONNECTIONS  IMAGES/S  P50 ms  P90 ms  P99 ms  FAILED  CPU ms/IMAGE  MEMORY  BARE IMAGES/S   OF IT  BARE CPU ms',
        '          8      40.0   10.12   20.00   30.00       3          5.00  250 MB           80.0  50.0 %         4.00',
        '',
      ].join('\n'),
    );
  });

  test('has no columns without figures', () => {
    const text = benchText({ ...RUN, layout: undefined, url: 'http://a:1/', raw: true }, [NOTHING]);
    expect(text).toContain('lenet5 (fp32 on cpu), http://a:1/; a.png, b?.png, as the body\n');
    expect(text).toMatch(/\nCONNECTIONS {2}IMAGES\/S {2}FAILED\n +1 +0\.0 +0\n$/);
  });
});

describe('the JSON', () => {
  test('has the figures, rounded', () => {
    expect(JSON.parse(benchJson(RUN, [LEVEL]))).toEqual({
      machine: RUN.machine,
      run: {
        model: 'lenet5',
        variant: 'fp32',
        provider: 'cpu',
        workers: 2,
        threads: 1,
        url: null,
        pictures: RUN.pictures,
        body: 'form',
        duration_s: 10,
      },
      levels: [
        {
          connections: 8,
          images_per_s: 40.04,
          p50_ms: 10.12,
          p90_ms: 20,
          p99_ms: 30,
          failed: 3,
          cpu_ms_per_image: 5,
          memory_bytes: 250_000_000,
          bare_images_per_s: 80,
          bare_cpu_ms_per_image: 4,
          ratio: 0.5005,
        },
      ],
    });
  });

  test('has null where there is nothing to tell', () => {
    const { run, levels } = JSON.parse(benchJson({ ...RUN, layout: undefined, url: 'http://a:1/' }, [NOTHING]));
    expect(run).toMatchObject({ workers: null, threads: null, url: 'http://a:1/' });
    expect(levels).toEqual([
      {
        connections: 1,
        images_per_s: 0,
        p50_ms: null,
        p90_ms: null,
        p99_ms: null,
        failed: 0,
        cpu_ms_per_image: null,
        memory_bytes: null,
        bare_images_per_s: null,
        bare_cpu_ms_per_image: null,
        ratio: null,
      },
    ]);
  });
});
