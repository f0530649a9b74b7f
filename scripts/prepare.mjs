#!/usr/bin/env node
// Makes a checkout ready to run: installs the packages when package-lock.json asks for others than are there, and
// compiles src/ when it has changed. Only Node and npm are assumed, so nothing but Node's own modules is imported.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from './run-command.mjs';

const HELP = `Usage: node scripts/prepare.mjs [--force]

Installs what is missing and compiles what has changed. npm start and npm test call it first.

  --force   compile even if nothing has changed
  --help    this text
`;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const args = process.argv.slice(2);
const unknown = args.find((arg) => !['--force', '--help'].includes(arg));
if (unknown || args.includes('--help')) {
  process.stdout.write(HELP);
  process.exit(unknown ? 2 : 0);
}

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`menagerie needs Node 20.19 or newer; this is ${process.versions.node}.\n`);
  process.exit(1);
}

const installedStamp = join(root, 'node_modules', '.menagerie-installed');
const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .update(`${process.platform}-${process.arch}`)
  .digest('hex');
if (read(installedStamp) !== lock) {
  process.stderr.write('Installing packages (the first time this takes a minute) ...\n');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error', '--include=dev']);
  writeFileSync(installedStamp, lock);
}

const dist = join(root, 'dist');
const builtStamp = join(dist, '.built');
const compile = join(root, 'scripts/compile.mjs');
const sources = fingerprint([join(root, 'src'), compile, join(root, 'tsconfig.json'), join(root, 'package-lock.json')]);
if (args.includes('--force') || read(builtStamp) !== sources) {
  process.stderr.write('Compiling ...\n');
  rmSync(dist, { recursive: true, force: true });
  run(process.execPath, [compile]);
  writeFileSync(builtStamp, sources);
}

/** The text of a file, or undefined if there is none. @param {string} file */
function read(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

/** A hash over the names and contents of files and, recursively, folders. @param {string[]} paths */
function fingerprint(paths) {
  const hash = createHash('sha256');
  /** @param {string} path */
  const visit = (path) => {
    if (statSync(path).isDirectory()) for (const name of readdirSync(path).sort()) visit(join(path, name));
    else hash.update(`${path}\0`).update(readFileSync(path));
  };
  paths.forEach(visit);
  return hash.digest('hex');
}

/** Runs a command in the root folder and ends this process with its status if it fails. @param {string} command @param {string[]} argv */
function run(command, argv) {
  const { status } = runCommand(command, argv, root, 2);
  if (status !== 0) process.exit(status);
}
