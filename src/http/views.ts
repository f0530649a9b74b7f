import type { Static } from 'typebox';
import { variantsOf } from '../core/manifest.js';
import type { Classification } from '../serving/classifier.js';
import type { Timings } from '../serving/events.js';
import type { ModelStatus } from '../serving/model.js';
import { problemOf } from './problem.js';
import type { ClassificationSchema, ModelSchema } from './schemas.js';

// How the serving room's answers look on the wire: snake_case, and no more than is meant to be seen.

/** A model as GET /models shows it. */
export function modelView({ id, state, reason, manifest, pulled, served }: ModelStatus): Static<typeof ModelSchema> {
  const variants = manifest ? variantsOf(manifest) : [];
  return {
    id,
    title: manifest?.title ?? null,
    state,
    reason: reason ?? null,
    dataset: manifest?.dataset ?? null,
    variants: Object.fromEntries(
      variants.map(([name, { bytes, top1, top5 }]) => [
        name,
        { bytes: bytes ?? null, top1: top1 ?? null, top5: top5 ?? null, pulled: pulled.includes(name) },
      ]),
    ),
    serving: served
      ? {
          variant: served.variant,
          provider: served.info.provider,
          provider_fallback: served.info.fallback ?? null,
          version: served.version,
          classes: served.info.classes,
          load_ms: served.info.loadMs,
          warmup_ms: served.info.warmupMs,
        }
      : null,
  };
}

/** The reply of POST /classify. */
export function classificationView(
  { model: { id, variant, version, info }, results }: Classification,
  requestId: string,
): Static<typeof ClassificationSchema> {
  return {
    model: { id, variant, provider: info.provider, version },
    results: results.map(({ name, ...result }) => ({
      ...(name === undefined ? {} : { name }),
      ...('error' in result ? { error: problemOf(result.error, requestId) } : result),
    })),
  };
}

/** Value of a Server-Timing header, in milliseconds. */
export function serverTiming(timings: Timings, totalMs: number): string {
  return Object.entries({ ...timings, total: totalMs })
    .map(([stage, ms]) => `${stage};dur=${ms.toFixed(2)}`)
    .join(', ');
}
