import { variantsOf } from '../../../core/manifest/manifest.js';
import type { Static } from '../../../core/schema/typebox.js';
import type { ModelStatus } from '../../../serving/models/model.js';
import type { ModelSchema } from '../schemas/model-schemas.js';

// Models as JSON, in snake_case, with public fields only.

/** A model in GET /models. */
export function modelJson(status: ModelStatus): Static<typeof ModelSchema> {
  const { id, ensemble, state, reason, manifest, pulled, served, lone } = status;
  const variants = manifest ? variantsOf(manifest) : [];
  return {
    id,
    kind: ensemble ? 'ensemble' : 'network',
    title: (ensemble ?? manifest)?.title ?? null,
    state,
    reason: reason ?? null,
    dataset: manifest?.dataset ?? null,
    variants: Object.fromEntries(
      variants.map(([name, { bytes, top1, top5 }]) => [
        name,
        { bytes: bytes ?? null, top1: top1 ?? null, top5: top5 ?? null, pulled: pulled.includes(name) },
      ]),
    ),
    ...(ensemble ? { members: ensemble.members, combine: ensemble.combine } : {}),
    serving: served
      ? {
          variant: served.variant,
          provider: served.info.provider,
          provider_fallback: served.info.fallback ?? null,
          layers_on_cpu: served.info.layersOnCpu,
          version: served.version,
          classes: served.info.classes,
          gmacs: served.gmacs,
          ms: served.viewMs,
          batch: served.info.batch,
          lone_instance: lone ? { threads: lone.threads, bytes: lone.bytes ?? null } : null,
          load_ms: served.info.loadMs,
          warmup_ms: served.info.warmupMs,
        }
      : null,
  };
}
