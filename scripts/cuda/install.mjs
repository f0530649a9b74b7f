#!/usr/bin/env node
// Puts ONNX Runtime's CUDA provider beside the Node binding, or takes it away: docs/tuning.md.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { readCommandLine, refuseCommandLine } from '../shared/command-line.mjs';
import { isFromWheel, isInPlace, putInPlace, removeProvider, staged } from './provider-files.mjs';
import { openWheel, WheelRefused } from './wheel.mjs';

const runtime = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
/** @type {{ version: string }} */
const { version } = JSON.parse(readFileSync(join(runtime, 'package.json'), 'utf8'));
const folder = join(runtime, 'bin', 'napi-v6', 'linux', 'x64');

const HELP = `Usage: npm run install:cuda -- [--wheel <file> | --undo]

Puts ONNX Runtime's CUDA provider beside the Node binding, for Linux on x86-64. Without options it fetches the one for CUDA 12 from
NuGet, with onnxruntime-node's own script.

  --wheel <file>   the one for CUDA 13 instead, out of a wheel of PyPI's onnxruntime-gpu, which you bring:
                   pip download --no-deps onnxruntime-gpu==${version}
                   Nothing is fetched. The files are checked against the hashes that the wheel lists.
  --undo           take the provider away, and put back what came with onnxruntime-node
  --help           this text
`;

const { values } = readCommandLine(HELP, { wheel: { type: 'string' }, undo: { type: 'boolean', default: false } });
const { wheel, undo } = values;
if (wheel !== undefined && undo) refuseCommandLine(HELP, '--wheel and --undo exclude each other.');

try {
  if (undo) await takeAway();
  else if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new WheelRefused('CUDA is for Linux on x86-64 only');
  } else if (wheel === undefined) await fetchFromNuget();
  else await takeFrom(wheel);
} catch (error) {
  const isExpected = error instanceof WheelRefused || (error instanceof Error && 'syscall' in error);
  if (!isExpected) throw error;
  process.stderr.write(`${error.message}.\n`);
  process.exitCode = 1;
}

/** @param {string} file */
async function takeFrom(file) {
  const opened = await openWheel(file, version);
  try {
    if (await isInPlace(folder, opened.libraries)) {
      process.stdout.write(`This provider is in place already: ${folder}\n`);
      return;
    }
    await staged(folder, async (staging) => {
      await opened.unpack(staging);
      await putInPlace(folder, staging, opened.libraries);
    });
  } finally {
    opened.close();
  }
  process.stdout.write(`The CUDA provider of ONNX Runtime ${version} is in place: ${folder}
"npx menagerie doctor" says which CUDA it needs, and what is missing. "npm run install:cuda -- --undo" takes it away.\n`);
}

async function takeAway() {
  const removed = await removeProvider(folder);
  process.stdout.write(removed ? 'The CUDA provider is gone.\n' : 'There is no CUDA provider to take away.\n');
}

async function fetchFromNuget() {
  // It fetches no runtime, and fits the one that came with onnxruntime-node.
  if (isFromWheel(folder)) await removeProvider(folder);
  process.stderr.write("Fetching ONNX Runtime's CUDA provider ...\n");
  const args = [join(runtime, 'script', 'install.js'), '--onnxruntime-node-install'];
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 2, 2] });
  process.exitCode = status ?? 1;
}
