import { asPercent } from '../../core/units.js';
import { formatBytes, printable, table } from '../../report/format.js';
import type { Shot } from './shoot.js';

/** What was measured, and on which machine. */
export interface BenchRun {
  machine: { cpu: string; cores: number; node: string; onnxruntime: string };
  model: string;
  variant: string;
  provider: string;
  /** Of the server; undefined for one that ran already. */
  layout: { workers: number; threads: number } | undefined;
  /** Of a server that ran already. */
  url: string | undefined;
  pictures: readonly string[];
  raw: boolean;
  seconds: number;
}

/** The network without a server. */
export interface BareLevel {
  imagesPerS: number;
  /** Processor time for each picture, in ms. Undefined where it cannot be known. */
  cpuMs: number | undefined;
}

/** The figures of one number of connections. */
export interface BenchLevel {
  connections: number;
  shot: Shot;
  /** Processor time of the server and its workers. Undefined where it cannot be known. */
  cpuSeconds: number | undefined;
  /** Of the server and its workers (PSS). Undefined where it cannot be known. */
  memoryBytes: number | undefined;
  /** Undefined for a server that ran already. */
  bare: BareLevel | undefined;
}

/** Number of requests that failed. */
export function failedOf({ shot: { failures } }: BenchLevel): number {
  return [...failures.values()].reduce((sum, times) => sum + times, 0);
}

/** For machines. */
export function benchJson(run: BenchRun, levels: readonly BenchLevel[]): string {
  const { machine, model, variant, provider, layout, url, pictures, raw, seconds } = run;
  const report = {
    machine,
    run: {
      model,
      variant,
      provider,
      workers: layout?.workers ?? null,
      threads: layout?.threads ?? null,
      url: url ?? null,
      pictures,
      body: raw ? 'raw' : 'form',
      duration_s: seconds,
    },
    levels: levels.map((level) => ({
      connections: level.connections,
      images_per_s: round(level.shot.imagesPerS),
      p50_ms: round(level.shot.latencyMs?.p50),
      p90_ms: round(level.shot.latencyMs?.p90),
      p99_ms: round(level.shot.latencyMs?.p99),
      failed: failedOf(level),
      cpu_ms_per_image: round(cpuMsOf(level)),
      memory_bytes: level.memoryBytes ?? null,
      bare_images_per_s: round(level.bare?.imagesPerS),
      bare_cpu_ms_per_image: round(level.bare?.cpuMs),
      ratio: round(ratioOf(level)),
    })),
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

/** Columns of the table. A column without any figure is left out. */
const COLUMNS: [title: string, cell: (level: BenchLevel) => string | undefined][] = [
  ['CONNECTIONS', ({ connections }) => String(connections)],
  ['IMAGES/S', ({ shot }) => shot.imagesPerS.toFixed(1)],
  ['P50 ms', ({ shot }) => shot.latencyMs?.p50.toFixed(2)],
  ['P90 ms', ({ shot }) => shot.latencyMs?.p90.toFixed(2)],
  ['P99 ms', ({ shot }) => shot.latencyMs?.p99.toFixed(2)],
  ['FAILED', (level) => String(failedOf(level))],
  ['CPU ms/IMAGE', (level) => cpuMsOf(level)?.toFixed(2)],
  ['MEMORY', ({ memoryBytes }) => (memoryBytes === undefined ? undefined : formatBytes(memoryBytes))],
  ['BARE IMAGES/S', ({ bare }) => bare?.imagesPerS.toFixed(1)],
  ['OF IT', (level) => percent(ratioOf(level))],
  ['BARE CPU ms', ({ bare }) => bare?.cpuMs?.toFixed(2)],
];

/** For people. */
export function benchText(run: BenchRun, levels: readonly BenchLevel[]): string {
  const { machine, model, variant, provider, layout, url, pictures, raw } = run;
  const where = url ?? `${count(layout?.workers ?? 0, 'worker')} of ${count(layout?.threads ?? 0, 'thread')}`;
  const what = `${pictures.map(printable).join(', ')}, ${raw ? 'as the body' : 'in a form'}`;
  const columns = COLUMNS.map(([title, cell]) => [title, ...levels.map((level) => cell(level) ?? '')]).filter(
    ([, ...cells]) => cells.some((cell) => cell !== ''),
  );
  const rows = ['', ...levels].map((_, row) => columns.map((column) => column[row] ?? ''));
  return [
    `${count(machine.cores, 'core')} of ${machine.cpu}, Node ${machine.node}, ONNX Runtime ${machine.onnxruntime}\n`,
    `${model} (${variant} on ${provider}), ${where}; ${what}\n\n`,
    table(
      rows,
      columns.map((_, i) => i),
    ),
  ].join('');
}

/** Processor time for each answered picture, in ms. */
function cpuMsOf({ cpuSeconds, shot }: BenchLevel): number | undefined {
  return cpuSeconds === undefined || shot.images === 0 ? undefined : (1000 * cpuSeconds) / shot.images;
}

function ratioOf({ bare, shot }: BenchLevel): number | undefined {
  return bare && shot.imagesPerS / bare.imagesPerS;
}

const percent = (value: number | undefined) => (value === undefined ? undefined : asPercent(value));

const count = (number: number, what: string) => `${number} ${what}${number === 1 ? '' : 's'}`;

const round = (value: number | undefined) => (value === undefined ? null : Number(value.toPrecision(4)));
