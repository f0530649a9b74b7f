#!/usr/bin/env node
// What the server does on a GPU: pictures a second by connections, how full its batches are, warm-up and memory.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import Type from 'typebox';
import { measureLimits } from '../bench/limits.mjs';
import { measureLoad, warmUp } from '../bench/load.mjs';
import { openNetworks } from '../bench/networks.mjs';
import { asForm } from '../bench/requests.mjs';
import { startMenagerie } from '../bench/services.mjs';
import { ASSETS } from '../measure/asset-models.mjs';
import { readCommandLine } from '../shared/command-line.mjs';
import { jsonOf } from '../shared/json-reply.mjs';
import { inTemporaryFolder } from '../shared/temporary-folder.mjs';

const HELP = `Usage: node scripts/gpu/server.mjs [options]

Starts the server for one network after the other and loads it over HTTP, with photographs of 500 x 375 pixels in forms. Then measures
what decoding one takes, on all cores at once. Lines of JSON.

  --device <device>      default cuda-required
  --assets <folder>      default $ASSETS_DIR or ../shared/assets
  --networks <list>      default resnet50,squeezenet1.1
  --connections <list>   default 1,8,64,256
  --seconds <s>          of a measurement (default 3)
  --bare <file>          what bare.mjs has printed: rates are given as shares of the best there, too
  --help                 this text
`;
/** With 256 connections more waits than the default allows: ResNet-50 takes 4 GMAC a picture. */
const QUEUE_GMACS = '100000';
/** What it says of a network. */
const Loaded = Type.Object({
  serving: Type.Object({
    provider: Type.String(),
    provider_fallback: Type.Union([Type.String(), Type.Null()]),
    layers_on_cpu: Type.Array(Type.String()),
    batch: Type.Integer(),
    load_ms: Type.Number(),
    warmup_ms: Type.Number(),
  }),
});

const { values } = readCommandLine(HELP, {
  device: { type: 'string', default: 'cuda-required' },
  assets: { type: 'string', default: ASSETS },
  networks: { type: 'string', default: 'resnet50,squeezenet1.1' },
  connections: { type: 'string', default: '1,8,64,256' },
  seconds: { type: 'string', default: '3' },
  bare: { type: 'string' },
});
const seconds = Number(values.seconds);

await inTemporaryFolder(async (temporary) => {
  const { networks, modelDirs } = await openNetworks(values.networks.split(','), values.assets, temporary);
  const settings = { DEVICE: values.device, MODEL_DIRS: modelDirs, MENAGERIE_QUEUE: QUEUE_GMACS };
  for (const network of networks) await measure(network, settings);
  const [first] = networks;
  if (!first) return;
  const { decode, preprocess, network } = (await measureLimits(first, seconds, temporary)).figures;
  tell({ all_cores: { decode_per_s: decode, render_per_s: preprocess, [`${first.name}_on_cpu_per_s`]: network } });
});

/** @param {import('../bench/networks.mjs').Network} network @param {Record<string, string>} settings */
async function measure(network, settings) {
  const before = cardMemory();
  const service = await startMenagerie(network, settings);
  try {
    const { serving } = await jsonOf(await fetch(`${service.address}/models/${network.id}`), Loaded);
    tell({ network: network.name, ...serving, card_mb_before: before, card_mb_loaded: cardMemory() });
    const bare = bareRate(network.name);
    const form = asForm(network.small);
    await warmUp(service, form, seconds);
    for (const connections of values.connections.split(',').map(Number)) {
      const earlier = await batches(service.address);
      const figures = await measureLoad(service, form, { connections }, seconds);
      const now = await batches(service.address);
      const { images_per_s, p50_ms, p99_ms, failed, cpu_s_per_image, generator_cpu_s_per_image } = figures;
      tell({
        network: network.name,
        connections,
        images_per_s,
        of_bare: bare === undefined ? null : Number(images_per_s) / bare,
        p50_ms,
        p99_ms,
        failed,
        views_per_run: (now.views - earlier.views) / (now.runs - earlier.runs),
        server_cores: Number(cpu_s_per_image) * Number(images_per_s),
        generator_cores: Number(generator_cpu_s_per_image) * Number(images_per_s),
        card_mb: cardMemory(),
      });
    }
  } finally {
    await service.stop();
  }
}

/** Pictures a second of a network without a server, in its best batch. @param {string} name */
function bareRate(name) {
  if (values.bare === undefined) return undefined;
  const lines = readFileSync(values.bare, 'utf8').trim().split('\n');
  const rates = lines.map((line) => JSON.parse(line)).filter(({ network }) => network === name);
  return rates.length > 0 ? Math.max(...rates.map(({ images_per_s }) => images_per_s)) : undefined;
}

/** Runs of networks so far, and the views in them. @param {string} address */
async function batches(address) {
  const text = await (await fetch(`${address}/metrics`)).text();
  const of = (/** @type {string} */ what) =>
    Number(new RegExp(`^menagerie_batch_size_${what}\\{.*\\} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
  return { runs: of('count'), views: of('sum') };
}

/** Megabytes of the card in use; null where there is none. */
function cardMemory() {
  try {
    const args = ['--query-gpu=memory.used', '--format=csv,noheader,nounits', '--id=0'];
    return Number(execFileSync('nvidia-smi', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch {
    return null;
  }
}

/** @param {object} line figures with four digits */
function tell(line) {
  const digits = (/** @type {string} */ _, /** @type {unknown} */ value) =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
  process.stdout.write(`${JSON.stringify(line, digits)}\n`);
}
