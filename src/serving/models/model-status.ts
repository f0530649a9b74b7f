import { variantsOf } from '../../core/manifest/manifest.js';
import type { VariantName } from '../../core/manifest/variant.js';
import type { LoneInstances } from '../../runtime/workers/lone-instances.js';
import type { ModelFolder, RefusedFolder } from '../../zoo/repository.js';
import { isPulled } from '../../zoo/weights.js';
import type { ModelStatus } from './model.js';

/** The status of a model whose folder is in order. @param instances those for lone requests */
export async function modelStatus(
  folder: ModelFolder,
  { state, reason, served }: Pick<ModelStatus, 'state' | 'reason' | 'served'>,
  instances: Pick<LoneInstances, 'get'>,
): Promise<ModelStatus> {
  const { id, manifest, labels } = folder;
  const pulled: VariantName[] = [];
  for (const [name, variant] of variantsOf(manifest)) if (await isPulled(folder, variant)) pulled.push(name);
  const shown = state === 'unloaded' && pulled.length === 0 ? 'not_pulled' : state;
  const lone = served && instances.get(served.key);
  return { id, ensemble: undefined, state: shown, reason, manifest, labels, pulled, served, lone };
}

/** The status of a faulty model folder or ensemble file. @param reason why it was refused, for clients */
export function refusedStatus({ id }: RefusedFolder, reason: string): ModelStatus {
  return {
    id,
    ensemble: undefined,
    state: 'refused',
    reason,
    manifest: undefined,
    labels: [],
    pulled: [],
    served: undefined,
    lone: undefined,
  };
}
