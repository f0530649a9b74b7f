import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, root), 'utf8');
const { version, name } = JSON.parse(read('package.json')) as { version: string; name: string };
const release = (...args: string[]) =>
  spawnSync(process.execPath, [fileURLToPath(new URL('scripts/release.mjs', root)), ...args], { encoding: 'utf8' });

describe('a release', () => {
  test('takes its notes from what the changelog has under Unreleased', () => {
    const { status, stdout } = release('patch', '--dry-run');
    const [major, minor, patch] = version.split('.').map(Number);
    expect([status, stdout.split('\n')[0]]).toEqual([0, `${version} -> ${major}.${minor}.${Number(patch) + 1}`]);
    expect(stdout).not.toMatch(/^## /m);
    expect(read('CHANGELOG.md')).toContain(stdout.split('\n').slice(2, 8).join('\n').trim());
  });

  test('wants to know which', () => {
    expect(release().status).toBe(2);
    expect(release('newest', '--dry-run')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('"newest" is neither'),
    });
  });

  test('finds its version wherever an image carries it', () => {
    for (const file of [
      'Dockerfile',
      'docker-compose.yml',
      'deploy/kubernetes/menagerie.yaml',
      'deploy/kubernetes/kserve.yaml',
    ]) {
      const versions = [...read(file).matchAll(/(?:menagerie:|image\.version=")(\d+\.\d+\.\d+)/g)].map(
        ([, found]) => found,
      );
      expect([file, ...new Set(versions)]).toEqual([file, version]);
    }
  });
});

test('the package has a name that nobody else can take', () => {
  expect(name).toMatch(/^@[a-z-]+\/menagerie$/);
});
