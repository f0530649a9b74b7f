import type { Static } from '../../core/schema/typebox.js';
import type { TransferJob } from '../../training/jobs/transfer-job.js';
import type { TransferSchema } from './schemas/transfer-schemas.js';

/** A training as clients see it: without paths of this machine. */
export function transferJson(job: TransferJob): Static<typeof TransferSchema> {
  const { id, request, state, progress, error, result, created, ended } = job;
  return {
    id,
    model: request.id,
    base: request.base,
    depth: request.depth,
    state,
    progress: progress ?? null,
    error: error ?? null,
    result: result ?? null,
    created,
    ended: ended ?? null,
  };
}
