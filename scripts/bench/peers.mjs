// The other services: in which of its two forms the Python service is measured, what each does, and whether all answer alike.
import Type from 'typebox';
import { jsonOf } from '../shared/json-reply.mjs';
import { ask, measureLoad, warmUp } from './load.mjs';
import { asForm } from './requests.mjs';
import { startPython } from './services.mjs';

/** @typedef {import('./networks.mjs').Network} Network */
/** @typedef {import('./services.mjs').Service} Service */
/** @typedef {'threads' | 'processes'} PythonVariant */

/** @type {PythonVariant[]} */
const VARIANTS = ['threads', 'processes'];
const CONNECTIONS = 8;

const Picture = Type.Object({ predictions: Type.Array(Type.Object({ index: Type.Number() })) });
/** This server answers a list of pictures, the others one. */
const Answer = Type.Union([Type.Object({ results: Type.Array(Picture) }), Picture]);

/**
 * Measures the Python service with threads in one process and with several processes, and says which did more.
 * @param {Network} network
 * @param {string} python
 * @param {number} seconds
 * @returns {Promise<{ variant: PythonVariant, rates: Record<PythonVariant, number> }>} and images/s of both
 */
export async function choosePython(network, python, seconds) {
  const rates = { threads: 0, processes: 0 };
  for (const variant of VARIANTS) {
    const service = await startPython(network, python, variant);
    try {
      const form = asForm(network.small);
      await warmUp(service, form, seconds);
      const { images_per_s: rate } = await measureLoad(service, form, { connections: CONNECTIONS }, seconds);
      rates[variant] = Math.round(rate ?? 0);
    } finally {
      await service.stop();
    }
  }
  return { variant: rates.threads >= rates.processes ? 'threads' : 'processes', rates };
}

/**
 * Closed loops of another service.
 * @param {Service} service stopped at the end
 * @param {Network} network
 * @param {{ seconds: number, levels: readonly import('./own-server.mjs').Level[] }} options levels with forms
 * @param {import('./own-server.mjs').Recorder} record
 * @returns {Promise<{ rates: import('./own-server.mjs').Rates, topClass: number }>}
 */
export async function measurePeer(service, network, { seconds, levels }, record) {
  try {
    const found = await topClass(service, network);
    await warmUp(service, asForm(network.small), seconds);
    /** @type {import('./own-server.mjs').Rates} */
    const rates = { small: 0 };
    for (const { connections, share, picture = 'small' } of levels) {
      const shown = network[picture];
      if (!shown) continue;
      const figures = await measureLoad(service, asForm(shown), { connections }, seconds * share);
      rates[picture] = Math.max(rates[picture] ?? 0, figures.images_per_s ?? 0);
      record({ service: service.name, load: 'closed', level: connections, body: 'form', picture }, figures);
    }
    return { rates, topClass: found };
  } finally {
    await service.stop();
  }
}

/** The class a service finds in the network's picture. @param {Service} service @param {Network} network @returns {Promise<number>} */
export async function topClass(service, network) {
  const answer = await jsonOf(await ask(service, asForm(network.small)), Answer);
  const [picture] = 'results' in answer ? answer.results : [answer];
  const [best] = picture?.predictions ?? [];
  if (!best) throw new Error(`${service.name} answers without a class`);
  return best.index;
}
