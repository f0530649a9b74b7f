#!/usr/bin/env node
// Makes the package that can be installed with npm: compiled, with the bundled networks, and with every dependency at the locked version.
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from './run-command.mjs';
import { readCommandLine } from './shared/command-line.mjs';

const HELP = `Usage: node scripts/pack.mjs [--out <folder>]

Compiles src/ and writes the npm package. Prints its path.

  --out <folder>   where to write it; default: this folder
  --help           this text
`;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values } = readCommandLine(HELP, { out: { type: 'string', default: '.' } });
const out = resolve(values.out);
mkdirSync(out, { recursive: true });
const built = runCommand(process.execPath, [join(root, 'scripts/prepare.mjs'), '--force'], root, 2);
if (built.status !== 0) process.exit(built.status);
// npm hands on a lock under this name only.
const shrinkwrap = join(root, 'npm-shrinkwrap.json');
copyFileSync(join(root, 'package-lock.json'), shrinkwrap);
const packing = ['pack', '--json', '--ignore-scripts', '--pack-destination', out];
const packed = runCommand('npm', packing, root, 'pipe');
rmSync(shrinkwrap);
if (packed.status !== 0) process.exit(packed.status);
const [{ filename, size, entryCount }] = JSON.parse(packed.stdout);
process.stderr.write(`${entryCount} files, ${(size / 1e6).toFixed(1)} MB\n`);
process.stdout.write(`${join(out, filename)}\n`);
