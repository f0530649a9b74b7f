import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { packagesFor } from '../../scripts/gpu/packages.mjs';
import { temporaryFolder } from '../support/model-folders.js';

// What scripts/gpu/ takes to a machine that has a GPU and nothing else.

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, { dev?: boolean; devOptional?: boolean }>;
};

describe('the packages that are taken along', () => {
  test('are those that npm installs without development packages', () => {
    const wanted = Object.entries(lock.packages).flatMap(([folder, { dev, devOptional }]) =>
      folder !== '' && !dev && !devOptional && existsSync(join(ROOT, folder)) ? [folder] : [],
    );
    expect(packagesFor(ROOT, [])).toEqual(wanted.sort());
    expect(wanted.length).toBeGreaterThan(100);
  });

  test('and what runs the tests', () => {
    const more = packagesFor(ROOT, ['vitest']);
    expect(more).toEqual(expect.arrayContaining(['node_modules/vitest', 'node_modules/vite', 'node_modules/fastify']));
    expect(more).not.toContain('node_modules/typescript');
  });
});

test.runIf(process.platform === 'linux')('parts that are missing or damaged end the check at once', async () => {
  const parts = await temporaryFolder();
  const check = () =>
    spawnSync('bash', [join(ROOT, 'scripts/gpu/check.sh'), parts, join(parts, 'work')], { encoding: 'utf8' });
  expect(check()).toMatchObject({ status: 1, stdout: expect.stringContaining('FAILED   join the parts') });
  const sum = createHash('sha256').update('a part').digest('hex');
  writeFileSync(join(parts, 'sums'), `${sum}  part-00\n`);
  expect(check()).toMatchObject({ status: 1, stdout: expect.stringContaining('FAILED   join the parts') });
  writeFileSync(join(parts, 'part-00'), 'another');
  expect(check()).toMatchObject({ status: 1, stderr: expect.stringContaining('did NOT match') });
});
