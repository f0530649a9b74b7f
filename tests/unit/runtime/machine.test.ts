import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { readMachine } from '../../../src/runtime/device/machine.js';
import { temporaryFolder, writeTree } from '../../support/model-folders.js';

/** A machine whose system files are these. */
async function machine(files: Record<string, string>) {
  const root = await temporaryFolder();
  await writeTree(root, files);
  return readMachine(root);
}

test('without control groups all cores can be used', async () => {
  const { cpuLimit, usableCores, features } = await machine({});
  expect(cpuLimit).toBeUndefined();
  expect(usableCores).toBe(availableParallelism());
  expect(features).toBeUndefined();
});

test('a group of version 2 limits the cores; a part of a core is none, but one there always is', async () => {
  const limited = (max: string) => machine({ 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': max });
  expect(await limited('150000 100000\n')).toMatchObject({ cpuLimit: 1.5, usableCores: 1 });
  expect(await limited('20000 100000\n')).toMatchObject({ cpuLimit: 0.2, usableCores: 1 });
  expect((await limited('max 100000\n')).cpuLimit).toBeUndefined();
});

test('the strictest of the groups around counts', async () => {
  const files = {
    'proc/self/cgroup': '0::/pods/one/box\n',
    'sys/fs/cgroup/pods/cpu.max': '800000 100000',
    'sys/fs/cgroup/pods/one/cpu.max': '100000 100000',
    'sys/fs/cgroup/pods/one/box/cpu.max': 'max 100000',
  };
  expect((await machine(files)).cpuLimit).toBe(1);
});

test("a container that sees only its own group, under the host's path, is limited by it", async () => {
  const files = { 'proc/self/cgroup': '0::/docker/4711\n', 'sys/fs/cgroup/cpu.max': '300000 100000' };
  expect((await machine(files)).cpuLimit).toBe(3);
});

test('a group of version 1 limits too', async () => {
  const files = (quota: string) => ({
    'proc/self/cgroup': '5:memory:/a\n4:cpu,cpuacct:/a\n',
    'sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us': quota,
    'sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us': '100000\n',
  });
  expect((await machine(files('250000\n'))).cpuLimit).toBe(2.5);
  expect((await machine(files('-1\n'))).cpuLimit).toBeUndefined();
});

test('features are those of the processor that networks gain from', async () => {
  const found = async (text: string) => (await machine({ 'proc/cpuinfo': text })).features;
  expect(await found('processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512_vnni rdrand\n')).toEqual([
    'avx2',
    'avx512f',
    'avx512_vnni',
  ]);
  expect(await found('Features\t: fp asimd asimddp\n')).toEqual(['asimddp']);
});
