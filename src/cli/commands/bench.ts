import { openModels } from '../../app/models-to-load.js';
import { loadConfig } from '../../config/load-config.js';
import { MenagerieError } from '../../core/errors.js';
import { readMachine, runtimeVersion } from '../../runtime/device/machine.js';
import { type ModelFolder, unknownModel } from '../../zoo/repository.js';
import { type BenchLevel, benchJson, benchText, failedOf } from '../bench/bench-report.js';
import { type MeasureOptions, measureLevels } from '../bench/measure.js';
import { type ClassifyRequest, readRequests } from '../bench/requests.js';
import { type BenchSubject, runningServer, startSubject } from '../bench/subject.js';
import { LoadTarget } from '../bench/target.js';
import type { CommandIo, ExitCode } from '../shared/io.js';
import { ProgressBar } from '../shared/progress.js';

export interface BenchOptions extends MeasureOptions {
  /** Files; undefined: the golden picture of the model. */
  pictures: readonly string[] | undefined;
  /** Whether a picture is the body of a request; else it is in a form. */
  raw: boolean;
  /** A server that runs already; undefined: one is started. */
  url: URL | undefined;
  json: boolean;
}

/** A server reports by itself that an answer is late. Only if it does not, the wait ends. */
const BEYOND_DEADLINE_MS = 5000;

/**
 * `menagerie bench <id[:variant]>`: starts a server as users do, loads it over HTTP, and measures the bare network between the
 * levels. Or loads a server that already runs.
 * @param flags settings from the command line
 * @returns 0, or 1 if requests failed or the command was interrupted
 * @throws MenagerieError `usage`, `invalid_config`, `unknown_model`, `unknown_variant`, `model_not_pulled`, `io_error`,
 *   `too_many_bytes`, `server_failed`; errors of loading; what the server answers to a picture that it refuses
 */
export async function bench(
  model: string,
  options: BenchOptions,
  flags: Readonly<Record<string, string>>,
  io: CommandIo,
): Promise<ExitCode> {
  const config = loadConfig(io.env, flags);
  const [id = '', variant, ...more] = model.split(':');
  if (id === '' || variant === '' || more.length > 0) {
    throw new MenagerieError('usage', `"${model}" is not the name of a model: it is id or id:variant.`);
  }
  if (options.url && (variant !== undefined || Object.keys(flags).length > 0)) {
    throw new MenagerieError('usage', 'A server that runs has its variant and settings: --url goes with neither.');
  }
  const { models } = await openModels(config);
  const folder = models.get(id);
  const requests = await readRequests(picturesFor(id, folder, options), options.raw, config.maxBytes);
  const timeoutMs = config.deadlineMs + BEYOND_DEADLINE_MS;
  try {
    if (options.url) return await report(id, runningServer(options.url, io.signal), requests, options, timeoutMs, io);
    if (!folder) throw unknownModel(id);
    const subject = await startSubject(folder, variant, config, flags, io);
    try {
      return await report(id, subject, requests, options, timeoutMs, io);
    } finally {
      await subject.stop();
    }
  } catch (error) {
    if (!io.signal.aborted) throw error;
    io.err.write('Interrupted.\n');
    return 1;
  }
}

function picturesFor(id: string, folder: ModelFolder | undefined, { pictures, url }: BenchOptions): readonly string[] {
  if (!folder && !url) throw unknownModel(id);
  if (pictures) return pictures;
  if (folder?.goldenImage !== undefined) return [folder.goldenImage];
  throw new MenagerieError('usage', `There is no golden picture of ${id} here: name a picture with --picture.`);
}

/** Measures and prints. */
async function report(
  id: string,
  subject: BenchSubject,
  requests: readonly ClassifyRequest[],
  options: BenchOptions,
  timeoutMs: number,
  io: CommandIo,
): Promise<ExitCode> {
  const target = new LoadTarget(subject.url, id, timeoutMs);
  let answeredBy = { variant: '', provider: '' };
  // Each alone, so that a picture that the server refuses is named.
  for (const request of requests) answeredBy = await target.ask(request, subject.signal);
  const bar = new ProgressBar(io.err, 'measuring');
  const levels = await measureLevels(subject, target, requests, options, bar);
  bar.clear();
  const { cpu, cores } = readMachine();
  const run = {
    machine: { cpu, cores, node: process.versions.node, onnxruntime: runtimeVersion() },
    model: id,
    ...answeredBy,
    layout: subject.layout,
    url: options.url?.href,
    pictures: requests.map(({ file }) => file),
    raw: options.raw,
    seconds: options.seconds,
  };
  io.out.write(options.json ? benchJson(run, levels) : benchText(run, levels));
  return reportFailures(levels, io);
}

function reportFailures(levels: readonly BenchLevel[], io: CommandIo): ExitCode {
  const failed = levels.filter((level) => failedOf(level) > 0);
  for (const { connections, shot } of failed) {
    const how = [...shot.failures].map(([reason, times]) => `${times} x ${reason}`).join(', ');
    io.err.write(`Requests failed with ${connections} connections: ${how}\n`);
  }
  return failed.length > 0 ? 1 : 0;
}
