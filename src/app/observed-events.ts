import type { createLogger } from '../observability/logger.js';
import type { Metrics } from '../observability/metrics.js';
import type { EngineEvents } from './engine.js';

/** Counts and logs the events of an engine. */
export function observedEvents(metrics: Metrics, log: ReturnType<typeof createLogger>): EngineEvents {
  return {
    serving: {
      ...metrics.serving,
      modelLoaded: (model, ms) => {
        metrics.serving.modelLoaded(model, ms);
        const { fallback, layersOnCpu } = model.info;
        if (fallback !== undefined)
          log.warn({ model: model.id, fallback }, 'the CPU computes although CUDA was asked for');
        if (layersOnCpu.length > 0) log.warn({ model: model.id, layersOnCpu }, 'layers are left to the CPU');
      },
      loneInstance: (model, outcome) => {
        if (outcome instanceof Error) log.info({ model, reason: outcome.message }, 'no instance for lone requests');
        else log.info({ model, ...outcome }, 'instance for lone requests');
      },
      modelStateChanged: (model, state, reason) => {
        metrics.serving.modelStateChanged(model, state, reason);
        log[state === 'failed' ? 'error' : 'info']({ model, state, reason }, 'model state');
      },
      modelRemoved: (model) => {
        metrics.serving.modelRemoved(model);
        log.info({ model }, 'model removed');
      },
    },
    workers: {
      ...metrics.workers,
      workerReplaced: (worker, reason) => {
        metrics.workers.workerReplaced(worker, reason);
        log.error({ worker, reason }, 'worker replaced');
      },
      networkLost: (network, reason, remaining) => {
        metrics.workers.networkLost(network, reason, remaining);
        log.error({ network, reason, remaining }, 'instance of a model lost');
      },
    },
  };
}
