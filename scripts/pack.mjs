#!/usr/bin/env node
// Makes the package that can be installed with npm: compiled, with the bundled networks, and with every dependency at the locked version.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HELP = `Usage: node scripts/pack.mjs [--out <folder>]

Compiles src/ and writes the npm package. Prints its path.

  --out <folder>   where to write it; default: this folder
  --help           this text
`;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({ options: { out: { type: 'string', default: '.' }, help: { type: 'boolean' } } });
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const out = resolve(values.out);
mkdirSync(out, { recursive: true });
run(process.execPath, [join(root, 'scripts/prepare.mjs'), '--force']);
// npm hands on a lock under this name only.
const shrinkwrap = join(root, 'npm-shrinkwrap.json');
copyFileSync(join(root, 'package-lock.json'), shrinkwrap);
try {
  const packed = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', out], 'pipe');
  const [{ filename, size, entryCount }] = JSON.parse(packed);
  process.stderr.write(`${entryCount} files, ${(size / 1e6).toFixed(1)} MB\n`);
  process.stdout.write(`${join(out, filename)}\n`);
} finally {
  rmSync(shrinkwrap);
}

/** Runs a command in the root folder, and ends this process if it fails. @param {string} command @param {string[]} args @param {'pipe' | 'inherit'} [stdout] */
function run(command, args, stdout = 'inherit') {
  // npm is a script on Windows, which only a shell starts.
  const shell = process.platform === 'win32' && command === 'npm';
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', stdout, 2], encoding: 'utf8', shell });
  if (result.status === 0) return result.stdout;
  rmSync(join(root, 'npm-shrinkwrap.json'), { force: true });
  process.exit(result.status ?? 1);
}
