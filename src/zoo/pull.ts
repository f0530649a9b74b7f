import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MenagerieError } from '../core/errors.js';
import { ioError } from '../system/errors.js';
import { describeSource, download, type Patience, type Progress } from './download.js';
import { fileSize, sha256Of, syncFolder } from './files.js';
import { claimPartial, releasePartial, removeFreePartials } from './partial.js';
import type { ModelFolder } from './repository.js';
import { isPulled, type NamedVariant, verifyWeights, weightsPath } from './weights.js';

/** What a pull may be told. */
export interface PullOptions {
  /** Address of a folder that is tried before the manifest's own: http:, https: or file:. */
  mirror?: string | undefined;
  /** Called after every piece; `received` falls back to 0 where a download starts again. */
  onProgress?: ((progress: Progress) => void) | undefined;
  signal?: AbortSignal | undefined;
  /** For tests. */
  patience?: Patience | undefined;
}

/** How a pull ended. */
export type PullResult =
  | { status: 'already_present' }
  /** `source`: where the file came from. `failures`: what went wrong with the sources tried before it. */
  | { status: 'pulled'; source: string; failures: readonly string[] };

/** Six tries; waits of 0.5 to 16 s, doubling, at random between half and whole so that clients do not return in step. */
const PATIENCE: Patience = {
  tries: 6,
  stallMs: 30_000,
  async wait(failures, signal) {
    const longest = Math.min(16_000, 500 * 2 ** failures);
    await sleep(longest * (0.5 + Math.random() / 2), undefined, signal && { signal });
  },
};

/**
 * Fetches the weights of a variant: to a partial file, verified, then renamed, so that the file is whole whenever it is
 * there. Continues where an earlier pull stopped. Any number of pulls may run at once.
 * @throws MenagerieError `invalid_config` (the mirror's address), `download_failed`, `size_mismatch`,
 *   `checksum_mismatch`, `io_error`; the signal's reason when aborted, what was received being kept for the next time
 */
export async function pull(model: ModelFolder, variant: NamedVariant, options: PullOptions = {}): Promise<PullResult> {
  const { signal } = options;
  signal?.throwIfAborted();
  const sources = sourcesOf(model, variant, options.mirror);
  const { sha256, bytes } = variant;
  if (sha256 === undefined || bytes === undefined) {
    throw failed(model, variant, 'its manifest states no sha256 and bytes to check a download by');
  }
  if (await isVerified(model, variant, signal)) return { status: 'already_present' };
  if (sources.length === 0) throw failed(model, variant, 'its manifest has no url, and no mirror is set');

  const target = weightsPath(model, variant);
  let partial: string;
  try {
    await mkdir(dirname(target), { recursive: true });
    partial = await claimPartial(target, sha256);
  } catch (error) {
    throw ioError(`cannot write to ${dirname(target)}`, error);
  }
  const errors: MenagerieError[] = [];
  try {
    for (const source of sources) {
      try {
        await fetchVerified(source, partial, { sha256, bytes }, options);
      } catch (error) {
        if (!(error instanceof MenagerieError) || error.code === 'io_error') throw error;
        errors.push(error);
        continue;
      }
      await install(partial, target);
      return { status: 'pulled', source: describeSource(source), failures: errors.map(({ message }) => message) };
    }
  } finally {
    await releasePartial(partial);
  }
  const codes = new Set(errors.map(({ code }) => code));
  const code = codes.size === 1 ? (errors[0] as MenagerieError).code : 'download_failed';
  throw failed(model, variant, errors.map(({ message }) => message).join('; '), code, errors.at(-1));
}

/** The mirror, then the manifest's own address. */
function sourcesOf(model: ModelFolder, variant: NamedVariant, mirror: string | undefined): URL[] {
  const sources: URL[] = [];
  if (mirror !== undefined) {
    const base = URL.canParse(mirror) ? new URL(mirror) : undefined;
    // file://host/folder would be another machine, which Node cannot open.
    if (!base || !(['http:', 'https:'].includes(base.protocol) || (base.protocol === 'file:' && base.host === ''))) {
      throw new MenagerieError('invalid_config', 'the mirror must be an http:, https: or file:/ address of a folder');
    }
    base.pathname = `${base.pathname.replace(/\/+$/, '')}/${encodeURIComponent(basename(variant.file))}`;
    sources.push(base);
  }
  if (variant.url !== undefined) {
    if (!URL.canParse(variant.url)) throw failed(model, variant, 'the url in its manifest is no address');
    sources.push(new URL(variant.url));
  }
  return sources;
}

/** Whether the file is there and right. One that is there and wrong will be replaced. */
async function isVerified(
  model: ModelFolder,
  variant: NamedVariant,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (!(await isPulled(model, variant))) return false;
  try {
    await verifyWeights(model, variant, signal);
    return true;
  } catch (error) {
    if (error instanceof MenagerieError && error.code !== 'io_error') return false;
    throw error;
  }
}

/** Fills the partial file from one source and checks it; wrong bytes are deleted. */
async function fetchVerified(
  source: URL,
  partial: string,
  expected: { sha256: string; bytes: number },
  { signal, onProgress, patience = PATIENCE }: PullOptions,
): Promise<void> {
  const resumed = ((await fileSize(partial)) ?? 0) > 0;
  await download({ source, partial, bytes: expected.bytes, patience, signal, onProgress });
  const { sha256 } = await sha256Of(partial, signal);
  if (sha256 === expected.sha256) return;
  await rm(partial, { force: true });
  // The bytes that an earlier pull or source had left may have been the wrong ones: once more, all from here.
  if (resumed) return fetchVerified(source, partial, expected, { signal, onProgress, patience });
  throw new MenagerieError(
    'checksum_mismatch',
    `${describeSource(source)}: the SHA-256 is ${sha256}, the manifest states ${expected.sha256}`,
  );
}

async function install(partial: string, target: string): Promise<void> {
  try {
    await rename(partial, target);
    await syncFolder(dirname(target));
  } catch (error) {
    throw ioError(`cannot write ${target}`, error);
  }
  await removeFreePartials(target).catch(() => undefined);
}

function failed(
  { id }: ModelFolder,
  { name }: NamedVariant,
  reason: string,
  code: MenagerieError['code'] = 'download_failed',
  cause?: unknown,
): MenagerieError {
  return new MenagerieError(code, `${id} (${name}): ${reason}`, cause === undefined ? {} : { cause });
}
