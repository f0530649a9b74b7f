import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import Fastify from 'fastify';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load-config.js';
import { SETTINGS } from '../../src/config/settings.js';
import { ERRORS } from '../../src/core/errors.js';
import { idleMetrics } from '../support/metrics.js';

const root = new URL('../../', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, root), 'utf8');
const files = [
  'Dockerfile',
  'docker-compose.yml',
  ...readdirSync(new URL('deploy/', root), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ya?ml|json|conf)$/.test(entry.name))
    .map((entry) => `${entry.parentPath}/${entry.name}`.replace(root.pathname, '')),
];
const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found]) => found as string);

const rules = read('deploy/prometheus/rules.yml');
const dashboard = JSON.parse(read('deploy/grafana/dashboards/menagerie.json')) as {
  panels: { id: number; targets: { expr: string }[] }[];
  templating: { list: { definition: string }[] };
};
const queries = [
  ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  ...dashboard.templating.list.map(({ definition }) => definition),
];

describe('the dashboard and the alerts', () => {
  test('ask for metrics that the server has', async () => {
    const { registry } = idleMetrics();
    const has = new Set(
      (await registry.getMetricsAsJSON()).flatMap(({ name, type }) =>
        `${type}` === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
      ),
    );
    const asked = matches([...queries, rules].join('\n'), /\b((?:menagerie|process|nodejs)_\w+)/g);
    expect(asked.length).toBeGreaterThan(30);
    expect(asked.filter((name) => !has.has(name))).toEqual([]);
  });

  test('ask for error codes that there are', () => {
    const asked = matches([...queries, rules].join('\n'), /\bcode="(\w+)"/g);
    expect(asked).toContain('overloaded');
    expect(asked.filter((code) => !(code in ERRORS))).toEqual([]);
  });

  test('panels have ids of their own', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

test('settings that are set exist', () => {
  const known = new Set<string>(Object.values(SETTINGS).map(({ env }) => env));
  const named = files.flatMap((file) => matches(read(file), /\b(MENAGERIE_[A-Z_]+|MODEL_[A-Z]+)\b/g));
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !known.has(name))).toEqual([]);
});

test('everything is about the port that the server listens on by default', () => {
  const { port } = loadConfig({});
  expect(matches(read('Dockerfile'), /^EXPOSE (\d+)$/gm)).toEqual([`${port}`, `${port}`]);
  expect(matches(read('docker-compose.yml'), /^ {6}- 127\.0\.0\.1:808\d:(\d+)$/gm)).toEqual([`${port}`, `${port}`]);
  expect(matches(read('deploy/prometheus/prometheus.yml'), /\bport: (\d+)/g)).toEqual([`${port}`]);
  expect(matches(read('deploy/nginx/nginx.conf'), /server replica:(\d+)/g)).toEqual([`${port}`]);
  expect(matches(read('deploy/kubernetes/menagerie.yaml'), /containerPort: (\d+)/g)).toEqual([`${port}`]);
  expect(matches(read('deploy/kubernetes/kserve.yaml'), /(?:containerPort|\bport): (\d+)/g)).toEqual(
    Array(3).fill(`${port}`),
  );
});

test('nginx keeps its connections to the servers, and gives them up before those do', () => {
  const conf = read('deploy/nginx/nginx.conf');
  const [upstream, block = ''] = /upstream (?<name>\w+) \{([^}]*)\}/.exec(conf)?.slice(1) ?? [];
  expect(block).toMatch(/^\s*keepalive \d+;$/m);
  // Names are asked again, so that replicas may come and go; needed for that is a zone.
  expect(block).toMatch(/^\s*server \S+ resolve;$/m);
  expect(block).toMatch(/^\s*zone /m);
  const passed = matches(conf, /proxy_pass http:\/\/([^;]+);/g);
  expect(new Set(passed)).toEqual(new Set([upstream]));
  expect(matches(conf, /(proxy_http_version 1\.1);/g)).toHaveLength(passed.length);
  expect(matches(conf, /(proxy_set_header Connection "");/g)).toHaveLength(passed.length);
  const [seconds] = matches(block, /keepalive_timeout (\d+)s;/g);
  const serverMs = Fastify().server.keepAliveTimeout;
  expect(serverMs).toBeGreaterThan(0);
  expect(Number(seconds) * 1000).toBeLessThan(serverMs);
});

test('containers are given the time that draining takes', () => {
  const defaults = loadConfig({});
  const setting = (file: string, name: string) =>
    Number(new RegExp(`${name}\\n\\s+value: "(\\d+)"`).exec(read(file))?.[1]);
  const drain = (file: string) =>
    (setting(file, 'MENAGERIE_DRAIN_DELAY_MS') + setting(file, 'MENAGERIE_DRAIN_TIMEOUT_MS')) / 1000;

  const grace = Number(/terminationGracePeriodSeconds: (\d+)/.exec(read('deploy/kubernetes/menagerie.yaml'))?.[1]);
  expect(grace).toBeGreaterThan(drain('deploy/kubernetes/menagerie.yaml'));
  // Kubernetes' default.
  expect(30).toBeGreaterThan(drain('deploy/kubernetes/kserve.yaml'));
  const [stop] = matches(read('docker-compose.yml'), /stop_grace_period: (\d+)s/g);
  expect(Number(stop)).toBeGreaterThan((defaults.drainDelayMs + defaults.drainTimeoutMs) / 1000);
});

test('pods are not given the variables of Services, some of which would be called like settings', () => {
  const links = (file: string) => matches(read(file), /^\s+enableServiceLinks: (\w+)$/gm);
  expect(links('deploy/kubernetes/menagerie.yaml')).toEqual(['false']);
  expect(links('deploy/kubernetes/kserve.yaml')).toEqual(['false']);
  expect(links('deploy/kubernetes/classify-job.yaml')).toEqual(['false']);
});

test('the job has as many parts as it starts pods, and gives each its own', () => {
  const job = read('deploy/kubernetes/classify-job.yaml');
  const [completions] = matches(job, /^ {2}completions: (\d+)$/gm);
  expect(matches(job, /--shard "\$part\/(\d+)"/g)).toEqual([completions]);
  expect(job).toMatch(/completionMode: Indexed/);
  const [script = ''] = matches(job, / {12}- \|\n((?: {14}.*\n)+)/g);
  const said = execFileSync('sh', ['-c', script.replace('exec /app/tini', 'echo')], {
    env: { JOB_COMPLETION_INDEX: '9', PATH: process.env.PATH },
    encoding: 'utf8',
  });
  expect(said).toContain('classify /pictures --model squeezenet1.1 --shard 10/16 --out /results/part-10.csv');
});

test('the image gets the models that the repository has, and is called by the version', () => {
  const weights = (name: string) => matches(read(name), /^(!?models\/\S+\.onnx)$/gm);
  expect(weights('.dockerignore')).toEqual(weights('.gitignore'));

  const { version } = JSON.parse(read('package.json')) as { version: string };
  const tags = files.flatMap((file) => matches(read(file), /\bmenagerie:(\d[\w.]*)/g));
  expect(tags.length).toBeGreaterThan(4);
  expect(new Set(tags)).toEqual(new Set([version]));
});

test('the CUDA image has the provider of the version that the runtime has', () => {
  const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
  const named = ['Dockerfile', 'docs/tuning.md'].flatMap((file) => matches(read(file), /onnxruntime-gpu==([\d.]+)/g));
  expect(named).toHaveLength(2);
  expect(new Set(named)).toEqual(new Set([dependencies['onnxruntime-node']]));
});

test('images of others are pinned to a version', () => {
  const images = [
    ...matches(read('Dockerfile'), /^FROM (\S+[:/]\S+)/gm),
    ...matches(read('docker-compose.yml'), /^ {4}image: (\S+)$/gm),
  ];
  expect(images.length).toBeGreaterThan(5);
  expect(images.filter((image) => !/:v?\d+\.\d+\.\d+/.test(image))).toEqual([]);
});
