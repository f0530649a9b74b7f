import { BareNetwork } from '../runtime/workers/bare-network.js';
import { findLevers } from '../runtime/workers/process/levers.js';
import { networkSpecOf } from '../serving/loading/bring-up.js';
import type { ModelFolder } from '../zoo/repository.js';
import type { NamedVariant } from '../zoo/weights.js';
import { WORKER_SCRIPT } from './engine.js';
import type { StartPlan } from './start-plan.js';

/**
 * Loads a network as a server with this plan does, into as many processes, but without the server. It must be stopped.
 * @param env environment of this process
 * @throws MenagerieError what BareNetwork.load throws; the signal's reason
 */
export async function openBareNetwork(
  { config, tuned }: StartPlan,
  model: ModelFolder,
  variant: NamedVariant,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<BareNetwork> {
  const { device, workers = 1, threads = 1, batch, loadTimeoutMs } = config;
  const found = tuned.get(model.id);
  const rows = found?.variant === variant.name ? found.batch : undefined;
  const spec = networkSpecOf(model, variant, { key: `${model.id}@${variant.name}`, rows });
  const levers = await findLevers();
  const options = { device, threads, batch, workers, loadTimeoutMs, script: WORKER_SCRIPT, levers, env };
  return await BareNetwork.load(spec, options, signal);
}
