import { Metrics } from '../../src/observability/metrics.js';

/** The metrics of a server that does nothing. */
export function idleMetrics(): Metrics {
  const zero = () => 0;
  return new Metrics({
    pending: zero,
    pendingGmacs: zero,
    queueLimitGmacs: zero,
    waiting: zero,
    cacheBytes: zero,
    workers: () => ({ alive: 0, busy: 0 }),
    uploadBytes: zero,
    logLinesDropped: zero,
  });
}
