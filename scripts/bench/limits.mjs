// The limit: what the cores can do at most, without HTTP, one part of the work at a time.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SCRIPT = fileURLToPath(new URL('./limit-process.mjs', import.meta.url));

/**
 * Pictures a second of decoding, of preprocessing, and of the network, each alone on all cores; and of all three on these
 * cores together, which is `1 / (1/decode + 1/preprocess + 1/network)`. Also how many times as fast one picture is done by all cores.
 * @param {import('./networks.mjs').Network} network
 * @param {number} seconds for the network; half of that for each of the others
 * @param {string} temporary a folder to write into
 */
export async function measureLimits({ file, manifest, small }, seconds, temporary) {
  const picture = join(temporary, small.name);
  writeFileSync(picture, small.bytes);
  const cores = availableParallelism();
  // Decoding runs in libuv's pool: of four threads, and of no more whatever the machine, unless told so at the start.
  const env = { ...process.env, UV_THREADPOOL_SIZE: String(Math.max(4, 2 * cores)) };
  const job = JSON.stringify({ file, manifest, picture, seconds, cores });
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, job], { env });
  /** @type {Record<'decode' | 'preprocess' | 'network', { rate: number, cpu: number, batch: number }> & { threads: number }} */
  const parts = JSON.parse(stdout);
  const { decode, preprocess, network, threads } = parts;
  const figures = {
    decode: decode.rate,
    preprocess: preprocess.rate,
    network: network.rate,
    all: 1 / (1 / decode.rate + 1 / preprocess.rate + 1 / network.rate),
    cpu_s_per_image: decode.cpu + preprocess.cpu + network.cpu,
    network_cpu_s_per_image: network.cpu,
    gain_of_threads: threads,
  };
  return { batch: network.batch, figures };
}
