import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { Request, Result } from 'autocannon';
import type { ClassifyRequest } from './requests.js';
import type { LoadTarget } from './target.js';

/** What came of a number of connections that each asked again as soon as they had an answer. */
export interface Shot {
  /** Pictures answered. */
  images: number;
  imagesPerS: number;
  /** Latency of answered pictures; undefined if there are none. */
  latencyMs: { p50: number; p90: number; p99: number } | undefined;
  /** How many requests failed, by how they did. */
  failures: ReadonlyMap<string, number>;
}

/** How often autocannon looks whether it is to stop. */
const TICK_MS = 100;
/** A server that is gone fails thousands of requests a second. */
const MOST_ERRORS = 1000;

/**
 * Loads a server for some seconds. The requests take turns.
 * @throws the signal's reason
 */
export async function shoot(
  target: LoadTarget,
  requests: readonly ClassifyRequest[],
  { connections, seconds }: { connections: number; seconds: number },
  signal: AbortSignal,
): Promise<Shot> {
  // Loaded here only: other commands do not need it.
  const { default: autocannon } = await import('autocannon');
  signal.throwIfAborted();
  let sent = 0;
  const setupRequest = (request: Request): Request => {
    const next = requests[sent++ % requests.length];
    return { ...request, path: target.nextPath(), body: next?.body, headers: next?.headers };
  };
  const options = {
    url: target.origin,
    method: 'POST' as const,
    requests: [{ setupRequest }],
    connections,
    duration: seconds,
    timeout: target.timeoutMs / 1000,
    bailout: MOST_ERRORS,
    sampleInt: TICK_MS,
  };
  const latency = createHistogram();
  const failures = new Map<string, number>();
  const fail = (how: string, times = 1) => failures.set(how, (failures.get(how) ?? 0) + times);
  const started = performance.now();
  const result = await new Promise<Result>((resolve, reject) => {
    const running = autocannon(options, (error, outcome) => (error ? reject(error) : resolve(outcome)));
    const onAbort = () => running.stop();
    signal.addEventListener('abort', onAbort, { once: true });
    running.once('done', () => signal.removeEventListener('abort', onAbort));
    running.on('response', (_client, status, _bytes, ms) => {
      if (status === 200) latency.record(Math.max(1, Math.round(1000 * ms)));
      else fail(`status ${status}`);
    });
    running.on('reqError', ({ message }: Error) => fail(message));
  });
  const elapsedS = (performance.now() - started) / 1000;
  signal.throwIfAborted();
  // At the end each connection waits for one answer. What else is missing was lost with its connection.
  const counted = latency.count + [...failures.values()].reduce((sum, times) => sum + times, 0);
  const lost = result.requests.sent - counted - connections;
  if (lost > 0) fail('connection closed', lost);
  return { images: latency.count, imagesPerS: latency.count / elapsedS, latencyMs: percentilesOf(latency), failures };
}

function percentilesOf(latency: RecordableHistogram): Shot['latencyMs'] {
  if (latency.count === 0) return undefined;
  const ms = (percent: number) => latency.percentile(percent) / 1000;
  return { p50: ms(50), p90: ms(90), p99: ms(99) };
}
