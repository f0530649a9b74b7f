#!/usr/bin/env node
// Builds the decoder of JPEG in src/imaging/decoders/jpeg/wasm, to the same bytes wherever the same compiler is.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { extract } from 'tar';
import { runCommand } from '../run-command.mjs';
import { readCommandLine } from '../shared/command-line.mjs';
import { inTemporaryFolder } from '../shared/temporary-folder.mjs';

const HELP = `Usage: node scripts/wasm/build.mjs [--check] [--source FILE]

Compiles libjpeg-turbo's decoder to WebAssembly and writes jpeg.wasm and its hash into src/imaging/decoders/jpeg/wasm. Wants
clang-19 and wasm-ld-19 in the version that is named in this file: on Debian 12, apt-get install clang-19 lld-19.

  --check         write nothing, and fail if the result is not the file that is there
  --source FILE   the crate with the source, instead of fetching it from crates.io
  --help          this text

Status: 0, 1 for a failure, 75 if the compiler is not there or the source cannot be fetched.
`;

/** The Rust package that holds libjpeg-turbo 3.1.0, unchanged: the one form of it that a public registry has. */
const CRATE = 'turbojpeg-sys-1.2.0';
const CRATE_SHA256 = '49b5a974bc59382d35927e3a07eef2ba9a24fe7227cefe52ec44b508e1b90f86';
const COMPILER = 'clang-19';
const LINKER = 'wasm-ld-19';
const VERSION = '19.1.7';
const NOT_HERE = 75;

/** What of libjpeg-turbo is compiled. absent.c names what it refers to and is left out. */
const LIBRARY = ['jcomapi', 'jdapimin', 'jdapistd', 'jdcoefct', 'jddctmgr', 'jdhuff', 'jdinput', 'jdmarker'];
LIBRARY.push('jdmaster', 'jmemmgr', 'jutils');
const OWN = ['absent', 'decode', 'kernels', 'memory', 'scan'];
const COMPILE = ['--target=wasm32', '-mcpu=mvp', '-msimd128', '-msign-ext', '-O3', '-flto'];
COMPILE.push('-std=c11', '-ffreestanding', '-fno-builtin', '-nostdinc', '-Wall', '-Werror');
// libjpeg-turbo reads a Huffman code from 64 bits where registers have as many. It knows them by this pair.
const HUFFMAN = ['-D__x86_64__', '-D__ILP32__'];
// The stack is at the lowest addresses, so that its overflow is a trap.
const LINK = ['--no-entry', '-O3', '--lto-O3', '--gc-sections', '--strip-all', '--fatal-warnings', '--stack-first'];
LINK.push('-z', 'stack-size=32768', '--initial-memory=262144', '--max-memory=16777216');

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const shipped = join(root, 'src/imaging/decoders/jpeg/wasm');
const own = join(shipped, 'jpeg');
const target = join(shipped, 'jpeg.wasm');
const sums = join(shipped, 'SHA256SUMS');

const { values } = readCommandLine(HELP, { check: { type: 'boolean', default: false }, source: { type: 'string' } });
for (const tool of [COMPILER, LINKER]) {
  if (!runCommand(tool, ['--version'], root, 'pipe').stdout.includes(VERSION))
    end(NOT_HERE, `${tool} ${VERSION} is not here`);
}
const crate = values.source ? readFileSync(values.source) : await fetchCrate();
if (sha256(crate) !== CRATE_SHA256) end(1, `The source is not ${CRATE}: its SHA-256 is ${sha256(crate)}`);
const built = await inTemporaryFolder((folder) => build(crate, folder));
const sum = `${sha256(built)}  jpeg.wasm\n`;
if (!values.check) {
  writeFileSync(target, built);
  writeFileSync(sums, sum);
} else if (!existsSync(target) || !built.equals(readFileSync(target)) || readFileSync(sums, 'utf8') !== sum) {
  end(1, 'jpeg.wasm is not what its source gives');
}
process.stdout.write(sum);

/** @returns {Promise<Buffer>} */
async function fetchCrate() {
  const address = `https://static.crates.io/crates/${CRATE.replace(/-[\d.]+$/, '')}/${CRATE}.crate`;
  try {
    const reply = await fetch(address, { signal: AbortSignal.timeout(60_000) });
    if (!reply.ok) throw new Error(`status ${reply.status}`);
    return Buffer.from(await reply.arrayBuffer());
  } catch (error) {
    return end(NOT_HERE, `${address} cannot be fetched: ${error instanceof Error ? error.message : error}`);
  }
}

/** @param {Buffer} source @param {string} folder an empty one @returns {Promise<Buffer>} the module */
async function build(source, folder) {
  writeFileSync(join(folder, 'crate'), source);
  await extract({ file: join(folder, 'crate'), cwd: folder });
  const library = join(folder, CRATE, 'libjpeg-turbo/src');
  const system = runCommand(COMPILER, ['-print-resource-dir'], root, 'pipe').stdout.trim();
  const includes = [join(own, 'include'), own, library, join(system, 'include')].map((path) => `-I${path}`);
  const sources = [
    // Warnings in what is not ours are not ours to mend.
    ...LIBRARY.map((name) => ({
      file: join(library, `${name}.c`),
      options: ['-w', ...(name === 'jdhuff' ? HUFFMAN : [])],
    })),
    ...OWN.map((name) => ({ file: join(own, `${name}.c`), options: [] })),
  ];
  const objects = sources.map(({ file, options }, i) => {
    const object = join(folder, `${i}.o`);
    run(COMPILER, [...COMPILE, ...options, ...includes, '-c', file, '-o', object]);
    return object;
  });
  run(LINKER, [...LINK, ...objects, '-o', join(folder, 'jpeg.wasm')]);
  return readFileSync(join(folder, 'jpeg.wasm'));
}

/** @param {string} command @param {string[]} args */
function run(command, args) {
  if (runCommand(command, args, root, 2).status !== 0) end(1, `${command} failed`);
}

/** @param {Buffer} bytes */
function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

/** @param {number} status @param {string} reason @returns {never} */
function end(status, reason) {
  process.stderr.write(`${reason}\n`);
  process.exit(status);
}
