// Reads a wheel of PyPI's onnxruntime-gpu: https://packaging.python.org/en/latest/specifications/binary-distribution-format/
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { openPromise } from 'yauzl';

/** @typedef {import('yauzl').Entry} Entry */
/**
 * A library in a wheel.
 * @typedef {object} Library
 * @property {string} name that it has beside the Node binding
 * @property {number} size in bytes
 * @property {string} sha256 base64url
 */

/** Why a wheel is not taken. */
export class WheelRefused extends Error {}

/** The wheel of 1.30.0 has 400 files, the longest of 272 MB, and a list of 36 KB. */
const MAX_ENTRIES = 10_000;
const MAX_LIBRARY_BYTES = 2 ** 30;
const MAX_RECORD_BYTES = 2 ** 20;
/** The kind of file in the mode that Unix gives it (stat(2)), which is the upper half of the external attributes. */
const KIND = 0o170000;
const REGULAR = 0o100000;
/** How a library for Linux on x86-64 begins (elf(5)): 64 bits, little-endian; from byte 18 on, EM_X86_64. */
const ELF = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
const MACHINE = Buffer.from([62, 0]);
const MACHINE_AT = 18;

/**
 * Opens a wheel and finds the three libraries in it.
 * @param {string} file
 * @param {string} version that it must have: the libraries fit the Node binding of the same version only
 * @returns {Promise<{ libraries: Library[], unpack(folder: string): Promise<void>, close(): void }>} `unpack` writes the libraries into
 *   a folder, verified; close it when done
 * @throws WheelRefused, system errors; so does `unpack`
 */
export async function openWheel(file, version) {
  if (!(await stat(file)).isFile()) throw new WheelRefused(`${file} is not a file`);
  const zip = await readable(() => openPromise(file, { autoClose: false, strictFileNames: true }));
  try {
    const wanted = new Map([
      [`onnxruntime/capi/libonnxruntime.so.${version}`, 'libonnxruntime.so.1'],
      ['onnxruntime/capi/libonnxruntime_providers_shared.so', 'libonnxruntime_providers_shared.so'],
      ['onnxruntime/capi/libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_cuda.so'],
    ]);
    const entries = await entriesOf(zip, version, wanted);
    const record = entries.get('RECORD');
    const listed = record ? await readable(async () => `${await buffer(await zip.openReadStreamPromise(record))}`) : '';
    const found = [...wanted].map(([path, name]) => {
      const entry = entries.get(path);
      if (!entry) throw new WheelRefused(`The wheel has no ${path}: it is not one for Linux`);
      return { entry, library: { name, ...statedOf(listed, path, entry) } };
    });
    return {
      libraries: found.map(({ library }) => library),
      async unpack(folder) {
        for (const { entry, library } of found) await unpackLibrary(zip, entry, library, folder);
      },
      close: () => zip.close(),
    };
  } catch (error) {
    zip.close();
    throw error;
  }
}

/**
 * The entries of the libraries, by their paths, and the one that lists the hashes, as `RECORD`.
 * @param {import('yauzl').ZipFile} zip @param {string} version @param {ReadonlyMap<string, string>} wanted
 */
async function entriesOf(zip, version, wanted) {
  if (zip.entryCount > MAX_ENTRIES) throw new WheelRefused(`The wheel has more than ${MAX_ENTRIES} files`);
  /** @type {Map<string, Entry>} */
  const entries = new Map();
  /** @type {string[]} */
  const packages = [];
  await readable(async () => {
    for await (const entry of zip.eachEntry()) {
      const [, distribution] = /^([^/]+)\.dist-info\/RECORD$/.exec(entry.fileName) ?? [];
      if (distribution !== undefined) packages.push(distribution);
      else if (!wanted.has(entry.fileName)) continue;
      const name = distribution === undefined ? entry.fileName : 'RECORD';
      const most = distribution === undefined ? MAX_LIBRARY_BYTES : MAX_RECORD_BYTES;
      if (entries.has(name)) throw new WheelRefused(`The wheel has ${name} twice`);
      if (entry.uncompressedSize > most) throw new WheelRefused(`${name} in the wheel has more than ${most} bytes`);
      const kind = (entry.externalFileAttributes >>> 16) & KIND;
      if (kind !== 0 && kind !== REGULAR) throw new WheelRefused(`${name} in the wheel is not a file`);
      entries.set(name, entry);
    }
  });
  const [distribution = 'no Python package'] = packages;
  if (distribution !== `onnxruntime_gpu-${version}`) {
    throw new WheelRefused(`${JSON.stringify(distribution)} is in the wheel, and wanted is onnxruntime-gpu ${version}`);
  }
  return entries;
}

/**
 * What the list of the wheel says of a file.
 * @param {string} record @param {string} path @param {Entry} entry
 * @returns {{ sha256: string, size: number }}
 */
function statedOf(record, path, { uncompressedSize }) {
  const lines = record.split(/\r?\n/).filter((line) => line.startsWith(`${path},`));
  const [, sha256, size] = /,sha256=([\w-]{43}),(\d+)$/.exec(lines[0] ?? '') ?? [];
  if (lines.length !== 1 || sha256 === undefined) throw new WheelRefused(`The wheel does not list one hash of ${path}`);
  if (Number(size) !== uncompressedSize) throw new WheelRefused(`${path} in the wheel does not have the size it lists`);
  return { sha256, size: uncompressedSize };
}

/** @param {import('yauzl').ZipFile} zip @param {Entry} entry @param {Library} library @param {string} folder */
async function unpackLibrary(zip, entry, { name, sha256 }, folder) {
  const file = join(folder, name);
  const hash = createHash('sha256');
  await readable(async () => {
    /** @param {AsyncIterable<Buffer>} source */
    const hashed = async function* (source) {
      for await (const chunk of source) {
        hash.update(chunk);
        yield chunk;
      }
    };
    // What was hashed is on the disk before it gets its name there.
    await pipeline(
      await zip.openReadStreamPromise(entry),
      hashed,
      createWriteStream(file, { flags: 'wx', flush: true }),
    );
  });
  if (hash.digest('base64url') !== sha256)
    throw new WheelRefused(`${name} is not what the wheel lists: its hash differs`);
  const head = Buffer.alloc(MACHINE_AT + MACHINE.length);
  const handle = await open(file);
  await handle.read(head, 0, head.length, 0).finally(() => handle.close());
  const isFor = head.subarray(0, ELF.length).equals(ELF) && head.subarray(MACHINE_AT).equals(MACHINE);
  if (!isFor) throw new WheelRefused(`${name} is not a library for Linux on x86-64`);
}

/**
 * Does something with the zip archive, and says so where that is at fault.
 * @template T @param {() => Promise<T>} work
 */
async function readable(work) {
  try {
    return await work();
  } catch (error) {
    if (error instanceof WheelRefused || !(error instanceof Error) || 'syscall' in error) throw error;
    throw new WheelRefused(`The wheel cannot be read: ${error.message.slice(0, 200)}`);
  }
}
