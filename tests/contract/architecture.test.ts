import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
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
  'adding',
  'sidecars',
  'serving',
  'training',
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
  datasets: ['core', 'system', 'imaging'],
  sidecars: ['core', 'system'],
  serving: ['core', 'runtime', 'zoo'],
  adding: ['core', 'system', 'onnx', 'runtime', 'zoo', 'datasets'],
  training: ['core', 'system', 'onnx', 'imaging', 'runtime', 'zoo', 'datasets', 'serving'],
  // It takes the types of what it reports.
  report: ['core', 'onnx', 'runtime', 'serving', 'zoo', 'adding', 'training'],
  http: ['core', 'serving', 'training', 'report'],
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
  [/^(commander|autocannon)$/, 'cli'],
  [/^@xmldom\//, 'sidecars'],
  [/^(tar|yauzl)$/, 'training'],
  [/^typebox/, 'core'],
];
/** The programs: only they know their process. */
const PROGRAMS = ['main.ts', join('runtime', 'workers', 'inside', 'serve-calls.ts')];
const MAX_LINES = 300;
/** Files of a folder, its sub-folders' not counted: beyond that it is split by subject. */
const MAX_FILES = 12;

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

test('typebox is loaded as one file', () => {
  const users = files.filter(({ imports }) => imports.some((path) => path.startsWith('typebox')));
  expect(users.map(({ name }) => name)).toEqual([join('core', 'schema', 'typebox.ts')]);
  const bundle = readFileSync(join(source, '../dist/core/schema/typebox.js'), 'utf8');
  expect(bundle.length).toBeGreaterThan(100_000);
  expect(bundle).not.toMatch(/^(import|export)\b.*\bfrom ['"]/m);
});

describe('imports run one way', () => {
  const targetsOf = ({ name, imports }: (typeof files)[number]) =>
    imports.filter((path) => path.startsWith('.')).map((path) => join(dirname(name), path).replace(/\.js$/, '.ts'));
  const edges = files.flatMap((file) => targetsOf(file).map((target) => [file.name, target] as const));

  test('between files, types included', () => {
    expect(circlesOf(edges)).toEqual([]);
  });

  test('between folders', () => {
    const folders = edges.map(([from, to]) => [dirname(from), dirname(to)] as const);
    expect(circlesOf(folders.filter(([from, to]) => from !== to))).toEqual([]);
  });

  test('a circle is found', () => {
    const found = circlesOf([
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'b'],
      ['c', 'd'],
    ]);
    expect(found).toEqual([['b', 'c']]);
  });
});

test.each([...new Set(files.map(({ name }) => dirname(name)))])('folder src/%s holds few files', (folder) => {
  expect(files.filter(({ name }) => dirname(name) === folder).length).toBeLessThanOrEqual(MAX_FILES);
});

test.each(Object.keys(ROOMS).filter((room) => !room.endsWith('.ts')))('src/%s says what belongs there', (room) => {
  expect(readFileSync(join(source, room, 'README.md'), 'utf8')).toMatch(/^# .+\n\n\S/);
});

test('a name that is exported stands for one thing', () => {
  const exported = /^export (?:async )?(?:function\*?|class|interface|type|const|let) (\w+)/gm;
  const places = new Map<string, Set<string>>();
  for (const { name, text } of files) {
    for (const [, word = ''] of text.matchAll(exported)) places.set(word, (places.get(word) ?? new Set()).add(name));
  }
  expect([...places].filter(([, found]) => found.size > 1)).toEqual([]);
});

/** Groups of nodes that can all be reached from each other. */
function circlesOf(edges: readonly (readonly [from: string, to: string])[]): string[][] {
  const nodes = [...new Set(edges.flat())].sort();
  const reached = new Map(nodes.map((node) => [node, reachableFrom(node, edges)]));
  const circles = nodes
    .filter((node) => reached.get(node)?.has(node))
    .map((node) => nodes.filter((other) => reached.get(node)?.has(other) && reached.get(other)?.has(node)));
  return [...new Map(circles.map((circle) => [circle.join(), circle])).values()];
}

function reachableFrom(start: string, edges: readonly (readonly [from: string, to: string])[]): Set<string> {
  const next = new Map<string, string[]>();
  for (const [from, to] of edges) next.set(from, [...(next.get(from) ?? []), to]);
  const reached = new Set<string>();
  const waiting = [start];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    for (const target of next.get(node) ?? []) {
      if (reached.has(target)) continue;
      reached.add(target);
      waiting.push(target);
    }
  }
  return reached;
}
