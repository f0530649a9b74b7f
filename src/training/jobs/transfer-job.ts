import type { ErrorCode } from '../../core/errors.js';
import type { Progress, TransferRequest, TransferResult } from '../transfer-request.js';

export const JOB_STATES = ['queued', 'running', 'done', 'failed', 'cancelled', 'lost'] as const;

/** A training that the server runs, or has run. */
export interface TransferJob {
  id: string;
  request: TransferRequest;
  state: (typeof JOB_STATES)[number];
  /** Undefined before it runs. */
  progress: Progress | undefined;
  error: { code: ErrorCode; detail: string } | undefined;
  result: TransferResult | undefined;
  /** How often it was begun: a restart of the server begins it again. */
  begun: number;
  /** ISO 8601. */
  created: string;
  ended: string | undefined;
}

/** Whether nothing more will happen to a job. */
export function isOver({ state }: Pick<TransferJob, 'state'>): boolean {
  return state !== 'queued' && state !== 'running';
}
