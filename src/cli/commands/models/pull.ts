import { openModels } from '../../../app/models-to-load.js';
import type { Config } from '../../../config/load-config.js';
import { MenagerieError, toMenagerieError } from '../../../core/errors.js';
import { variantsOf } from '../../../core/manifest/manifest.js';
import { formatBytes } from '../../../report/format.js';
import { pull } from '../../../zoo/pulling/pull.js';
import type { ModelFolder, Repository } from '../../../zoo/repository.js';
import { findVariant, type NamedVariant, statedBytes } from '../../../zoo/weights.js';
import { type CommandIo, type ExitCode, statusOfStop } from '../../shared/io.js';
import { ProgressBar } from '../../shared/progress.js';

export interface PullCommandOptions {
  /** A variant, or `all`; by default the model's default variant. */
  variant: string | undefined;
  all: boolean;
}

/**
 * `menagerie pull <id...>`: fetches weights, one file after the other, and continues after failures.
 * @throws MenagerieError `unknown_model`, `unknown_variant`, before anything is fetched
 */
export async function pullModels(
  ids: readonly string[],
  options: PullCommandOptions,
  config: Config,
  io: CommandIo,
): Promise<ExitCode> {
  const repository = await openModels(config);
  const wanted = options.all ? [...repository.models.keys()] : ids;
  const files = wanted.flatMap((id) => variantsToPull(repository, id, options));
  let failures = 0;
  for (const [model, variant] of files) {
    if (!(await pullOne(model, variant, config, io))) failures++;
    if (io.signal.aborted) return statusOfStop(io.signal);
  }
  return failures === 0 ? 0 : 1;
}

function variantsToPull(
  repository: Repository,
  id: string,
  options: PullCommandOptions,
): [ModelFolder, NamedVariant][] {
  const model = repository.models.get(id);
  if (!model) {
    const fault = repository.refused.find((folder) => folder.id === id)?.error;
    if (fault) throw fault;
    throw new MenagerieError('unknown_model', `There is no model "${id}"; \`menagerie list\` shows the models.`);
  }
  const names = options.variant === 'all' ? variantsOf(model.manifest).map(([name]) => name) : [options.variant];
  const variants = names.map((name) => findVariant(model, name));
  // With --all, skip bundled models, which have no url.
  const fetched = options.all ? variants.filter(({ url }) => url) : variants;
  return fetched.map((variant) => [model, variant]);
}

async function pullOne(model: ModelFolder, variant: NamedVariant, config: Config, io: CommandIo): Promise<boolean> {
  const name = `${model.id} (${variant.name})`;
  const bar = new ProgressBar(io.err, name);
  const started = Date.now();
  try {
    const result = await pull(model, variant, {
      mirror: config.modelMirror,
      signal: io.signal,
      onProgress: ({ received, total }) => bar.update(received, total, `of ${formatBytes(total)}`),
    });
    bar.clear();
    if (result.status === 'already_present') {
      io.out.write(`${name}: already here\n`);
      return true;
    }
    for (const failure of result.failures) io.err.write(`${name}: ${failure}\n`);
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    io.out.write(
      `${name}: ${formatBytes(statedBytes(variant))} from ${result.source} in ${seconds} s, SHA-256 verified\n`,
    );
    return true;
  } catch (error) {
    bar.clear();
    if (io.signal.aborted) io.err.write(`${name}: interrupted; the next pull continues from here\n`);
    else {
      const { code, message } = toMenagerieError(error);
      io.err.write(`${name}: ${message} [${code}]\n`);
    }
    return false;
  }
}
