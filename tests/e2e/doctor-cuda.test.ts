import { spawnSync } from 'node:child_process';
import { cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/model-folders.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const RUNTIME = 'node_modules/onnxruntime-node';
const BINARIES = `${RUNTIME}/bin/napi-v6/linux/x64`;

/** A menagerie with a CUDA provider beside its runtime, of which a program called `ldd` tells. @returns its folder */
async function withProvider(ldd: string): Promise<string> {
  const root = await temporaryFolder();
  const copy = (name: string) => cp(join(ROOT, name), join(root, name), { recursive: true });
  const linked = (name: string) => symlink(join(ROOT, name), join(root, name));
  await mkdir(join(root, BINARIES), { recursive: true });
  for (const name of ['dist', `${RUNTIME}/dist`, `${RUNTIME}/package.json`]) await copy(name);
  for (const name of ['models', 'package.json', `${BINARIES}/onnxruntime_binding.node`]) await linked(name);
  for (const name of await readdir(join(ROOT, 'node_modules'))) {
    if (name !== 'onnxruntime-node') await linked(`node_modules/${name}`);
  }
  await writeFile(join(root, BINARIES, 'libonnxruntime_providers_cuda.so'), 'a library');
  await mkdir(join(root, 'path'));
  await writeFile(
    join(root, 'path/ldd'),
    `#!/bin/sh\n[ "$1" = "${join(root, BINARIES)}/libonnxruntime_providers_cuda.so" ] || exit 1\n${ldd}`,
    {
      mode: 0o755,
    },
  );
  return root;
}

test.runIf(process.platform === 'linux' && process.arch === 'x64')(
  'the doctor says which CUDA the provider in place is for, and what it misses',
  async () => {
    const lines = [
      'libcublas.so.13 => not found',
      'libcudart.so.13 => not found',
      'libc.so.6 => /lib/libc.so.6 (0x7f)',
    ];
    const root = await withProvider(lines.map((line) => `printf '\\t%s\\n' '${line}'`).join('\n'));
    const doctor = (env: Record<string, string>) =>
      spawnSync(process.execPath, [join(root, 'dist/main.js'), 'doctor', '--json'], {
        env: { PATH: `${join(root, 'path')}:${process.env.PATH}`, ...env },
        encoding: 'utf8',
      });
    const detail = expect.stringMatching(
      /^built for CUDA 13; libraries that the CUDA provider needs are missing: libcublas\.so\.13, libcudart\.so\.13/,
    );
    const { status, stdout } = doctor({});
    // It names the missing ones in the log of a server, too; the CPU serves.
    expect(status).toBe(0);
    expect(JSON.parse(stdout).providers).toEqual([
      expect.objectContaining({ provider: 'cpu', usable: true }),
      { provider: 'cuda', usable: false, detail },
    ]);
    expect(JSON.parse(stdout).choice.provider).toBe('cpu');

    const required = doctor({ DEVICE: 'cuda-required' });
    expect(required.status).toBe(1);
    expect(JSON.parse(required.stdout).faults).toContainEqual(
      expect.stringMatching(/^cuda: built for CUDA 13; libraries/),
    );
  },
);
