import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

// The rooms of docs/architecture.md: who may import whom.

const ALL = [
  'core',
  'system',
  'config',
  'imaging',
  'onnx',
  'architectures',
  'runtime',
  'zoo',
  'datasets',
  'serving',
  'report',
  'http',
  'observability',
];
const ROOMS: Record<string, string[]> = {
  core: [],
  system: ['core'],
  config: ['core'],
  imaging: ['core'],
  onnx: ['core'],
  architectures: ['core', 'onnx'],
  runtime: ['core', 'onnx', 'imaging'],
  zoo: ['core', 'system'],
  datasets: ['core', 'system'],
  serving: ['core', 'runtime', 'zoo'],
  // It takes the types of what it reports.
  report: ['core', 'onnx', 'runtime', 'serving', 'zoo'],
  http: ['core', 'serving', 'report'],
  // It listens: from the others it takes the types of what they tell.
  observability: ['system', 'runtime', 'serving', 'http'],
  // It puts the others together.
  app: ALL,
  cli: [...ALL, 'app'],
  'main.ts': ['system', 'cli'],
};
/** Packages that one room has to itself. */
const OWNERS: [pattern: RegExp, room: string][] = [
  [/^sharp$/, 'imaging'],
  [/^onnxruntime-node$/, 'runtime'],
  [/^node:(child_process|worker_threads)$/, 'runtime'],
  [/^@?fastify/, 'http'],
  [/^(pino|prom-client)$/, 'observability'],
  [/^commander$/, 'cli'],
];
/** The programs: only they know their process. */
const PROGRAMS = ['main.ts', join('runtime', 'workers', 'worker-main.ts')];
const MAX_LINES = 300;

const source = fileURLToPath(new URL('../../src', import.meta.url));
const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => {
    const text = readFileSync(join(source, name), 'utf8');
    const imports = [...text.matchAll(/(?:\bfrom |^import |\bimport\()'([^']+)'/gm)].map((match) => match[1] as string);
    return { name, room: name.split(sep)[0] as string, text, imports };
  });

describe.each(files)('src/$name', ({ name, room, text, imports }) => {
  test('is in a room and imports from rooms it may enter', () => {
    expect(Object.keys(ROOMS)).toContain(room);
    const targets = imports
      .filter((path) => path.startsWith('.'))
      .map((path) => relative(source, join(source, name, '..', path)).split(sep)[0]);
    const allowed = [room, ...(ROOMS[room] ?? [])];
    expect(targets.filter((target) => !allowed.includes(target as string))).toEqual([]);
  });

  test('leaves packages to the room that owns them', () => {
    const packages = imports.filter((path) => !path.startsWith('.'));
    if (room === 'core') expect(packages.filter((path) => !path.startsWith('typebox'))).toEqual([]);
    for (const [pattern, owner] of OWNERS) {
      if (owner !== room) expect(packages.filter((path) => pattern.test(path))).toEqual([]);
    }
  });

  test('leaves the process to the programs and is not overlong', () => {
    if (!PROGRAMS.includes(name)) expect(text).not.toMatch(/process\.(env|exit|argv)\b/);
    expect(text.split('\n').length).toBeLessThanOrEqual(MAX_LINES);
  });
});
