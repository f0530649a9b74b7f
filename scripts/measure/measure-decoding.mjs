#!/usr/bin/env node
// Measures what decoding takes, by kind of picture.
import { fork } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { bytesInMemory } from '../../dist/core/byte-source.js';
import { decode } from '../../dist/imaging/decode.js';
import { decodeCost } from '../../dist/imaging/decode-cost.js';
import { readCommandLine } from '../shared/command-line.mjs';
import { inTemporaryFolder } from '../shared/temporary-folder.mjs';

const HELP = `Usage: node scripts/measure/measure-decoding.mjs [options]

Decodes every picture once, in a process of its own that has decoded a small one before. Prints milliseconds of CPU, the growth
of resident memory and of the data segment (which RLIMIT_DATA limits), and what src/imaging/decode-cost.ts says of the same file:
its factors are chosen so that it says a little more than is measured, for black pictures and for noise. Needs Linux, some
gigabytes of memory and a quarter of an hour.

  --only <regexp>        kinds of pictures
  --megapixels <list>    default 1,4,12,49
  --help                 this text
`;
const MIB = 2 ** 20;
const MS_PER_GMAC = 15;
const SIZES = { 1: [1000, 1000], 4: [2000, 2000], 12: [4000, 3000], 49: [7000, 7000] };
const LIMITS = { maxPixels: 1e9 };

/** @typedef {import('sharp').Sharp} Picture */
const rgb = (/** @type {Picture} */ picture) => picture.removeAlpha();
const grey = (/** @type {Picture} */ picture) => rgb(picture).toColourspace('b-w');
const deep = (/** @type {Picture} */ picture) => picture.toColourspace('rgb16');
const cmyk = (/** @type {Picture} */ picture) => rgb(picture).toColourspace('cmyk');
const quick = { compressionLevel: 1 };

/** @type {Record<string, (picture: Picture) => Picture>} encoders of an RGBA picture */
const KINDS = {
  jpeg: (picture) => rgb(picture).jpeg(),
  'jpeg 4:4:4': (picture) => rgb(picture).jpeg({ chromaSubsampling: '4:4:4' }),
  'jpeg grey': (picture) => grey(picture).jpeg(),
  'jpeg CMYK': (picture) => cmyk(picture).jpeg(),
  'jpeg turned': (picture) => rgb(picture).withMetadata({ orientation: 6 }).jpeg(),
  'jpeg progressive': (picture) => rgb(picture).jpeg({ progressive: true }),
  'jpeg progressive 4:4:4': (picture) => rgb(picture).jpeg({ progressive: true, chromaSubsampling: '4:4:4' }),
  'jpeg progressive CMYK': (picture) => cmyk(picture).jpeg({ progressive: true }),
  png: (picture) => rgb(picture).png(quick),
  'png alpha': (picture) => picture.png(quick),
  'png grey': (picture) => grey(picture).png(quick),
  'png 16': (picture) => deep(rgb(picture)).png(quick),
  'png 16 alpha': (picture) => deep(picture).png(quick),
  'png interlaced': (picture) => rgb(picture).png({ ...quick, progressive: true }),
  'png interlaced 16 alpha': (picture) => deep(picture).png({ ...quick, progressive: true }),
  webp: (picture) => rgb(picture).webp({ effort: 0 }),
  'webp alpha': (picture) => picture.webp({ effort: 0 }),
  'webp lossless': (picture) => rgb(picture).webp({ lossless: true, effort: 0 }),
  'webp lossless alpha': (picture) => picture.webp({ lossless: true, effort: 0 }),
  avif: (picture) => rgb(picture).avif({ effort: 0, chromaSubsampling: '4:2:0' }),
  'avif 4:4:4': (picture) => rgb(picture).avif({ effort: 0 }),
  'avif alpha': (picture) => picture.avif({ effort: 0, chromaSubsampling: '4:2:0' }),
  gif: (picture) => rgb(picture).gif({ effort: 1 }),
  tiff: (picture) => rgb(picture).tiff({ compression: 'none' }),
  'tiff deflate': (picture) => rgb(picture).tiff({ compression: 'deflate' }),
  'tiff tiles': (picture) => rgb(picture).tiff({ compression: 'lzw', tile: true, tileWidth: 2048, tileHeight: 2048 }),
  'tiff jpeg': (picture) => rgb(picture).tiff({ compression: 'jpeg' }),
  'tiff webp': (picture) => rgb(picture).tiff({ compression: 'webp' }),
  'tiff CMYK': (picture) => cmyk(picture).tiff({ compression: 'lzw' }),
};

if (process.send) await decodeHere(process.argv[2] ?? '');
else await measureAll();

async function measureAll() {
  const { values } = readCommandLine(HELP, {
    only: { type: 'string', default: '' },
    megapixels: { type: 'string', default: Object.keys(SIZES).join(',') },
  });
  const only = new RegExp(values.only);
  const wanted = values.megapixels.split(',');
  console.log('kind'.padEnd(26), 'MP  content  MB file   ms CPU reckoned  MiB resident   data reckoned');
  for (const [kind, encode] of Object.entries(KINDS)) {
    if (!only.test(kind)) continue;
    for (const [megapixels, [width = 0, height = 0]] of Object.entries(SIZES)) {
      if (!wanted.includes(megapixels)) continue;
      for (const content of ['black', 'noise']) {
        const bytes = await encode(picture(width, height, content)).toBuffer();
        // More is not taken by default.
        if (bytes.length > 20 * MIB) continue;
        const { cpu, resident, data } = await inTemporaryFolder((folder) => {
          const file = join(folder, 'picture');
          writeFileSync(file, bytes);
          return measure(file);
        });
        const cost = decodeCost(bytesInMemory(bytes), width * height);
        const cells = [(bytes.length / 1e6).toFixed(2), cpu, (cost?.gmacs ?? 0) * MS_PER_GMAC];
        const memory = [resident / MIB, data / MIB, (cost?.bytes ?? 0) / MIB];
        const numbers = [...cells, ...memory].map((value) => (typeof value === 'number' ? value.toFixed(0) : value));
        console.log(kind.padEnd(26), megapixels.padEnd(3), content, numbers.map((text) => text.padStart(9)).join(''));
      }
    }
  }
}

/** @param {number} width @param {number} height @param {string} content */
function picture(width, height, content) {
  const pixels = Buffer.alloc(width * height * 4);
  if (content === 'noise')
    for (let at = 0; at < pixels.length; at += MIB) randomFillSync(pixels.subarray(at, at + MIB));
  return sharp(pixels, { raw: { width, height, channels: 4 }, limitInputPixels: false });
}

/**
 * @param {string} file
 * @returns {Promise<{ cpu: number; resident: number; data: number }>}
 */
function measure(file) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, UV_THREADPOOL_SIZE: '1' };
    const child = fork(fileURLToPath(import.meta.url), [file], { env, execArgv: ['--v8-pool-size=1'] });
    let [before, peak] = [0, 0];
    // The kernel keeps no peak of the data segment, and the child is busy.
    const poll = setInterval(() => {
      if (before > 0) peak = Math.max(peak, statusOf(child.pid ?? 0, 'VmData'));
    }, 3);
    child.once('exit', () => clearInterval(poll));
    child.once('error', reject);
    /** @param {{ data?: number, result?: { cpu: number, resident: number } }} message */
    const onMessage = ({ data, result }) => {
      if (data) before = data;
      if (result) resolve({ ...result, data: Math.max(0, peak - before) });
    };
    child.on('message', onMessage);
  });
}

/** Bytes, 0 where the process is gone. @param {number | 'self'} pid @param {string} field */
function statusOf(pid, field) {
  try {
    return 1024 * Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return 0;
  }
}

/** @param {string} file */
async function decodeHere(file) {
  const small = await picture(300, 300, 'noise').jpeg().toBuffer();
  for (let i = 0; i < 5; i++) await decode(small, true, LIMITS);
  const bytes = readFileSync(file);
  // Resets the peak of resident memory.
  writeFileSync('/proc/self/clear_refs', '5');
  const resident = statusOf('self', 'VmRSS');
  process.send?.({ data: statusOf('self', 'VmData') });
  const started = process.cpuUsage();
  await decode(bytes, true, LIMITS);
  const { user, system } = process.cpuUsage(started);
  const result = { cpu: (user + system) / 1000, resident: statusOf('self', 'VmHWM') - resident };
  process.send?.({ result }, () => process.disconnect());
}
