import { setTimeout as sleep } from 'node:timers/promises';
import { createEngine, type Engine } from '../../app/engine.js';
import type { WantedModel } from '../../app/models-to-load.js';
import { observedEvents } from '../../app/observed-events.js';
import { planStart } from '../../app/start-plan.js';
import type { Config } from '../../config/load-config.js';
import { MenagerieError, toMenagerieError } from '../../core/errors.js';
import type { App } from '../../http/app.js';
import { ByteBudget } from '../../http/body/memory/byte-budget.js';
import { createLogger, logOutput } from '../../observability/logger.js';
import { Metrics } from '../../observability/metrics.js';
import { formatBytes, table } from '../../report/format.js';
import { readMachine } from '../../runtime/device/machine.js';
import type { LoneInstance } from '../../runtime/workers/lone-instances.js';
import type { ServedModel } from '../../serving/models/model.js';
import type { CommandIo, ExitCode } from '../shared/io.js';

/** How long to wait for the last log lines to be written, in milliseconds: there may be no reader. */
const LAST_LINES_MS = 1000;

/**
 * `menagerie serve`: listens at once, loads the models meanwhile, and serves until the signal aborts. Then /readyz answers 503,
 * and the server finishes the accepted requests and ends.
 * @returns 0, or 1 if an accepted request was not finished in time
 * @throws MenagerieError `invalid_config`, `io_error`, `provider_unavailable`
 */
export async function serve(settings: Config, version: string, io: CommandIo): Promise<ExitCode> {
  const output = logOutput();
  const log = createLogger(settings.logLevel, output);
  const plan = await planStart(settings, readMachine());
  const { config } = plan;
  const { first, later } = plan.load;
  for (const note of plan.notes) log.info(note);
  const budget = new ByteBudget(config.uploadMemory);
  const metrics: Metrics = new Metrics({
    pending: () => engine.admission.pending,
    pendingGmacs: () => engine.admission.pendingGmacs,
    queueLimitGmacs: () => config.queue,
    cacheBytes: () => engine.answers.bytes,
    waiting: () => engine.pool.waiting,
    workers: () => engine.pool.workers,
    uploadBytes: () => budget.used,
    logLinesDropped: () => output.dropped,
  });
  const events = observedEvents(metrics, log);
  const engine = await createEngine({ ...plan, events, env: io.env });
  // Aborted by an error that makes serving pointless, and at the end.
  const over = new AbortController();
  const ending = AbortSignal.any([io.signal, over.signal]);
  const load = async ({ id, variant }: WantedModel) => {
    try {
      await engine.registry.load(id, variant);
    } catch (error) {
      if (ending.aborted) return;
      log.error({ model: id, err: toMenagerieError(error).cause ?? error }, 'model could not be loaded');
      if (toMenagerieError(error).code === 'provider_unavailable') over.abort(error);
    }
  };
  try {
    engine.registry.expect(first.map(({ id }) => id));
    for (const { id, error } of engine.repository.refused) log.error({ model: id, code: error.code }, error.message);
    const loading = Promise.all(first.map(load));
    // The workers load networks while this process loads the modules for HTTP, which take as long.
    const { createApp } = await import('../../http/app.js');
    const { openTransfers } = await import('../../app/transfers.js');
    const transfers = await openTransfers(engine, config, version, {
      onState: ({ id, state, error, request, result }, fault) => {
        const facts = {
          transfer: id,
          state,
          base: request.base,
          model: request.id,
          ...result,
          ...(error && { error }),
          ...(fault && { err: fault }),
        };
        log[state === 'failed' || state === 'lost' ? 'error' : 'info'](facts, 'training');
      },
      onFault: ({ id }, error) =>
        log.error({ transfer: id, err: error }, 'the state of a training could not be written'),
    });
    const app = await createApp({
      ...config,
      ...engine,
      ...transfers,
      budget,
      events: metrics.http,
      metrics: async () => ({ contentType: metrics.registry.contentType, body: await metrics.registry.metrics() }),
      log,
      version,
    });
    const address = await listen(app, config);
    io.err.write(`menagerie ${version} listens on ${address}\n`);
    void loading.then(async () => {
      if (ending.aborted) return;
      transfers.jobs.start().catch((error: unknown) => log.error({ err: error }, 'trainings cannot go on'));
      const following = Promise.all(later.map(load));
      io.err.write(await banner(engine, address, later.length));
      await following;
    });
    await new Promise<void>((resolve) => {
      if (ending.aborted) resolve();
      ending.addEventListener('abort', () => resolve(), { once: true });
    });
    log.info('stopping');
    const [finished] = await Promise.all([drain(app, config), transfers.jobs.stop()]);
    log[finished ? 'info' : 'error'](finished ? 'stopped' : 'stopped before all accepted requests were finished');
    over.signal.throwIfAborted();
    return finished ? 0 : 1;
  } finally {
    over.abort();
    await engine.stop();
    await output.flush(LAST_LINES_MS);
  }
}

async function listen({ server }: App, { host: written, port }: Config): Promise<string> {
  // An IPv6 address may be written as in a URL.
  const host = written.replace(/^\[(.*)\]$/, '$1');
  try {
    await server.listen({ host, port });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reasons: Record<string, string> = {
      EADDRINUSE: 'another process listens there; set PORT to another port',
      EACCES: 'this user has no permission; ports below 1024 are reserved',
      EADDRNOTAVAIL: 'this machine does not have that address; set HOST to another address',
    };
    const reason = reasons[code ?? ''] ?? 'the system refused';
    throw new MenagerieError('invalid_config', `Cannot listen on ${host}:${port}: ${reason}.`, { cause: error });
  }
  const address = server.server.address();
  const actual = typeof address === 'object' && address ? address.port : port;
  const shown = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `http://${shown}:${actual}`;
}

/** @returns whether all accepted requests were finished in time */
async function drain(app: App, { drainDelayMs, drainTimeoutMs }: Config): Promise<boolean> {
  app.startDraining();
  await sleep(drainDelayMs);
  const closed = app.server.close().then(() => true);
  const late = sleep(drainTimeoutMs, false, { ref: false });
  const finished = await Promise.race([closed, late]);
  if (!finished) app.server.server.closeAllConnections();
  return finished;
}

/** The message for whoever started the server: the models that are served, and the addresses to try. */
async function banner({ registry }: Engine, address: string, following: number): Promise<string> {
  const models = await registry.list();
  const ready = models.filter(({ state }) => state === 'ready');
  const broken = models.filter(({ state }) => state === 'failed' || state === 'refused');
  const absent = models.filter(({ state, ensemble }) => state === 'not_pulled' && !ensemble);
  const rows = ready.map(({ id, manifest, ensemble, served, lone }) => [
    `  ${id}`,
    (ensemble ?? manifest)?.title ?? '',
    manifest?.dataset ?? '',
    served ? servedAs(served, lone) : `${ensemble?.members.length} models together`,
  ]);
  const sections = [
    rows.length > 0 ? `\nServing\n${table(rows)}` : '\nNo model is served.\n',
    following > 0 ? `  and ${following} more that are being loaded\n` : '',
    absent.length > 0 ? `  and ${absent.length} more that \`npx menagerie pull <id>\` fetches (see /models)\n` : '',
    ...broken.map(({ id, state, reason }) => `\n${id} is not served (${state}): ${reason}\n`),
    ready[0] ? `\nTry        curl -F image=@picture.jpg '${address}/classify?model=${ready[0].id}'\n` : '\n',
    `API        ${address}/docs\nModels     ${address}/models\nMetrics    ${address}/metrics\n\n`,
  ];
  return sections.join('');
}

function servedAs({ variant, info: { provider, fallback, layersOnCpu } }: ServedModel, lone?: LoneInstance): string {
  const notes = [
    ...(fallback === undefined ? [] : [fallback]),
    ...(layersOnCpu.length > 0
      ? [`${layersOnCpu.length} layers on the CPU: ${layersOnCpu.slice(0, 3).join(', ')}`]
      : []),
    ...(lone ? [`for a lone request ${lone.threads} threads${lone.bytes ? `, ${formatBytes(lone.bytes)}` : ''}`] : []),
  ];
  return `${variant} on ${provider}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}`;
}
