// The files of the CUDA provider beside the Node binding. Each gets its name whole; a program that has the old one open keeps it.
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { access, constants, copyFile, mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** @typedef {import('./wheel.mjs').Library} Library */

const RUNTIME = 'libonnxruntime.so.1';
/** What came with onnxruntime-node, while a wheel's runtime has its name. */
const ORIGINAL = 'libonnxruntime.so.1.npm';
/** Where files are made; left over where somebody ended the process. */
const STAGING = '.cuda.partial';
const CUDA = 'libonnxruntime_providers_cuda.so';
/** The first is the one that is looked for, and needs the others. */
const PROVIDERS = [CUDA, 'libonnxruntime_providers_tensorrt.so', 'libonnxruntime_providers_shared.so'];

/** Whether the runtime in a folder is that of a wheel. @param {string} folder */
export const isFromWheel = (folder) => existsSync(join(folder, ORIGINAL));

/** Whether exactly these libraries are in a folder. @param {string} folder @param {readonly Library[]} libraries */
export async function isInPlace(folder, libraries) {
  for (const { name, size, sha256 } of libraries) {
    const file = join(folder, name);
    if (!existsSync(file) || (await stat(file)).size !== size) return false;
    const hash = createHash('sha256');
    await pipeline(createReadStream(file), hash);
    if (hash.digest('base64url') !== sha256) return false;
  }
  return true;
}

/**
 * Does work in a new folder on the disk of `folder`, which goes with what is left in it.
 * @param {string} folder @param {(staging: string) => Promise<void>} work
 * @throws system errors
 */
export async function staged(folder, work) {
  const staging = join(folder, STAGING);
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging);
  try {
    await work(staging);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/**
 * Moves libraries from `staging` to `folder`, in an order in which the runtime and its providers fit each other at any moment.
 * @param {string} folder @param {string} staging @param {readonly Library[]} libraries with the CUDA provider as the last one
 * @throws system errors
 */
export async function putInPlace(folder, staging, libraries) {
  if (!isFromWheel(folder)) {
    await copyFile(join(folder, RUNTIME), join(staging, ORIGINAL));
    await rename(join(staging, ORIGINAL), join(folder, ORIGINAL));
  }
  await removeLibraries(folder);
  for (const { name } of libraries) await rename(join(staging, name), join(folder, name));
}

/**
 * Takes the provider away, and puts back the runtime that came with onnxruntime-node.
 * @param {string} folder
 * @returns {Promise<boolean>} whether there was something to take away
 * @throws system errors
 */
export async function removeProvider(folder) {
  await rm(join(folder, STAGING), { recursive: true, force: true });
  const original = join(folder, ORIGINAL);
  if (![ORIGINAL, ...PROVIDERS].some((name) => existsSync(join(folder, name)))) return false;
  await access(folder, constants.W_OK);
  await removeLibraries(folder);
  if (isFromWheel(folder)) await rename(original, join(folder, RUNTIME));
  return true;
}

/** @param {string} folder */
async function removeLibraries(folder) {
  for (const name of PROVIDERS) await rm(join(folder, name), { force: true });
}
