import { openBareNetwork } from '../../app/bare-network.js';
import { planStart } from '../../app/start-plan.js';
import { type Config, flagOf } from '../../config/load-config.js';
import { MenagerieError } from '../../core/errors.js';
import type { Layout } from '../../core/manifest/tuning.js';
import { readMachine } from '../../runtime/device/machine.js';
import type { BareNetwork } from '../../runtime/workers/bare-network.js';
import type { ModelFolder } from '../../zoo/repository.js';
import { findVariant, isPulled, preferredVariant } from '../../zoo/weights.js';
import type { CommandIo } from '../shared/io.js';
import { OwnServer } from './own-server.js';

/** What is measured. */
export interface BenchSubject {
  /** Of the server. */
  url: URL;
  /** The server's process; undefined for one that ran already. */
  pid: number | undefined;
  layout: Layout | undefined;
  /** The network without a server. */
  bare: BareNetwork | undefined;
  /** Aborts when the command is interrupted or the server has gone. */
  signal: AbortSignal;
  /** Ends the processes that were started for it. */
  stop(): Promise<void>;
}

/** A server that runs already. */
export function runningServer(url: URL, signal: AbortSignal): BenchSubject {
  return { url, pid: undefined, layout: undefined, bare: undefined, signal, stop: async () => {} };
}

/**
 * Starts a server for a model, and loads the bare network into as many processes as the server has workers.
 * @param wanted name of the variant; undefined: the one that a server chooses
 * @param flags settings from the command line, which `settings` hold too
 * @throws MenagerieError `unknown_variant`, `model_not_pulled`, `server_failed`; errors of loading; the signal's reason
 */
export async function startSubject(
  folder: ModelFolder,
  wanted: string | undefined,
  settings: Config,
  flags: Readonly<Record<string, string>>,
  io: CommandIo,
): Promise<BenchSubject> {
  const { id } = folder;
  const named = wanted === undefined ? undefined : findVariant(folder, wanted);
  const model = { id, entry: named ? `${id}:${named.name}` : id };
  // What the server will choose: it reads the same settings.
  const plan = await planStart({ ...settings, models: [model.entry] }, readMachine());
  const variant = named ?? (await preferredVariant(folder, plan.tuned.get(id)?.variant));
  if (!(await isPulled(folder, variant))) {
    throw new MenagerieError('model_not_pulled', `The weights of ${id}:${variant.name} are not on this machine.`);
  }
  const { workers = 1, threads = 1, loadTimeoutMs } = plan.config;
  const serveFlags = Object.entries(flags).flatMap(([name, value]) => [flagOf(name), value]);
  const server = await OwnServer.start(model, serveFlags, io.env, loadTimeoutMs, io.signal);
  const signal = AbortSignal.any([io.signal, server.lost]);
  try {
    const bare = await openBareNetwork(plan, folder, variant, io.env, signal);
    const stop = async () => void (await Promise.all([server.stop(), bare.stop()]));
    return { url: server.url, pid: server.pid, layout: { workers, threads }, bare, signal, stop };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
