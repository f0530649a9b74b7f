// Pulls onto file systems that fill up, each mounted for it, and prints what happened as JSON. To be run as
// `unshare -Urm node small-disk.mjs <empty folder>`: what it mounts is seen by nobody else, and goes with it.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { listen } from '../shared/listen.mjs';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const MODELS = new URL('../../models/', import.meta.url);
/** The network to pull, of 3.8 MB, and the name it goes by here. */
const [MODEL, ID] = ['cifar10-vgg16', 'torture-vgg16'];
const SOURCE = new URL(`${MODEL}/${MODEL}.onnx`, MODELS);
const MOUNT = 'mount';
const ROOMY = 'size=16m,nr_inodes=100';

/** @param {string[]} args @param {Record<string, string>} settings */
async function menagerie(args, settings) {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, ...settings } });
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { status, out, err: err.trim() };
}

/** A mirror on loopback that sends what is asked for, from where it is asked. */
async function startMirror() {
  const bytes = readFileSync(SOURCE);
  /** First bytes that were asked for. @type {number[]} */
  const asked = [];
  const mirror = createServer(({ headers }, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
    asked.push(from);
    const range = from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {};
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': bytes.length - from, ...range });
    response.end(bytes.subarray(from));
  });
  return { address: `http://127.0.0.1:${await listen(mirror)}`, asked, close: () => mirror.close() };
}

/** Pulls twice: onto a disk that is too small, and again when there is room. @param {string} disk folder to mount it at @param {string} size mount options @param {string} mirror */
async function pullTwice(disk, size, mirror) {
  mkdirSync(disk);
  execFileSync(MOUNT, ['-t', 'tmpfs', '-o', size, 'tmpfs', disk]);
  const folder = join(disk, ID);
  mkdirSync(folder);
  const manifest = JSON.parse(readFileSync(new URL(`${MODEL}/manifest.json`, MODELS), 'utf8'));
  const { fp32 } = manifest.variants;
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, id: ID, variants: { fp32 } }));
  const settings = { MODEL_DIRS: disk, MODEL_MIRROR: mirror };
  const pull = async () => {
    const { status, err } = await menagerie(['pull', ID], settings);
    const list = JSON.parse((await menagerie(['list', '--json'], settings)).out);
    const { pulled } = list.models.find((/** @type {{ id: string }} */ { id }) => id === ID);
    const names = readdirSync(folder).filter((name) => name !== 'manifest.json');
    const files = Object.fromEntries(names.map((name) => [name, statSync(join(folder, name)).size]));
    return { status, message: err, pulled, files };
  };
  const full = await pull();
  execFileSync(MOUNT, ['-o', `remount,${ROOMY}`, disk]);
  const roomy = await pull();
  const right =
    createHash('sha256')
      .update(readFileSync(join(folder, fp32.file)))
      .digest('hex') === fp32.sha256;
  return { full, roomy, right };
}

const [root = ''] = process.argv.slice(2);
const mirror = await startMirror();
const folderMirror = new URL('.', SOURCE).href;
const trials = {
  'from a folder, full half-way': await pullTwice(join(root, 'a'), 'size=1m', folderMirror),
  'over HTTP, full half-way': await pullTwice(join(root, 'b'), 'size=1m', mirror.address),
  'from a folder, no room for one more file': await pullTwice(join(root, 'c'), 'size=1m,nr_inodes=3', folderMirror),
};
mirror.close();
process.stdout.write(JSON.stringify({ file: fileURLToPath(SOURCE).split('/').at(-1), trials, asked: mirror.asked }));
