#!/usr/bin/env node
// Compiles src/ into dist/, with the installed packages. prepare.mjs and the Dockerfile call it.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HELP = `Usage: node scripts/compile.mjs

Compiles src/ into dist/, and bundles typebox there, whose hundreds of files would be loaded at each start.

  --help   this text
`;

const args = process.argv.slice(2);
if (args.length > 0) {
  process.stdout.write(HELP);
  process.exit(args.includes('--help') ? 0 : 2);
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tsc = join(root, 'node_modules/typescript/bin/tsc');
const { status } = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.json')], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);

const typebox = join(root, 'dist/core/schema/typebox.js');
// Loaded now, so that the help needs no packages.
const { build } = await import('rolldown');
await build({ input: typebox, platform: 'node', logLevel: 'warn', output: { file: typebox } });
