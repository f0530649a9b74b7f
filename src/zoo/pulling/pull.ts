import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MenagerieError } from '../../core/errors.js';
import { filesOf, type WeightFile } from '../../core/manifest/variant.js';
import { ioError } from '../../system/errors.js';
import { syncFolder } from '../../system/whole-file.js';
import { fileSize, sha256Of } from '../files.js';
import type { ModelFolder } from '../repository.js';
import { isPresent, type NamedVariant, statedBytes, verifyFile, weightsPath } from '../weights.js';
import { type DownloadProgress, describeSource, download, type Patience } from './download.js';
import { claimPartial, releasePartial, removeFreePartials } from './partial.js';

export interface PullOptions {
  /** URL of a folder that is tried before the manifest's URL: http:, https: or file:. */
  mirror?: string | undefined;
  /** Called after every piece; `received` falls back to 0 if a download restarts. */
  onProgress?: ((progress: DownloadProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
  /** For tests. */
  patience?: Patience | undefined;
}

/** How a pull ended. */
export type PullResult =
  | { status: 'already_present' }
  /** `source`: where the file came from. `failures`: the errors of the sources tried before it. */
  | { status: 'pulled'; source: string; failures: readonly string[] };

/** Six tries. The longest wait doubles from 1 to 16 s; each wait is random between half of it and all, so that clients spread out. */
const PATIENCE: Patience = {
  tries: 6,
  stallMs: 30_000,
  async wait(failures, signal) {
    const longest = Math.min(16_000, 500 * 2 ** failures);
    await sleep(longest * (0.5 + Math.random() / 2), undefined, signal && { signal });
  },
};

/**
 * Fetches the files of a variant, one after the other: each to a partial file, verifies and then renames it, so that the final file is always complete.
 * Continues where an earlier pull stopped. Any number of pulls may run at once.
 * @throws MenagerieError `invalid_config` (the mirror's URL), `download_failed`, `size_mismatch`, `checksum_mismatch`, `io_error`;
 *   the signal's reason when aborted. The received bytes are kept for the next pull
 */
export async function pull(model: ModelFolder, variant: NamedVariant, options: PullOptions = {}): Promise<PullResult> {
  const files = filesOf(variant);
  const total = statedBytes(variant);
  let result: PullResult = { status: 'already_present' };
  let before = 0;
  for (const file of files) {
    const onProgress = ({ received }: DownloadProgress) => options.onProgress?.({ received: before + received, total });
    const pulled = await pullFile(model, variant, file, { ...options, onProgress });
    before += file.bytes ?? 0;
    if (pulled.status === 'already_present') continue;
    const earlier: readonly string[] = result.status === 'pulled' ? result.failures : [];
    result = { ...pulled, failures: [...earlier, ...pulled.failures] };
  }
  return result;
}

async function pullFile(
  model: ModelFolder,
  variant: NamedVariant,
  file: WeightFile,
  options: PullOptions,
): Promise<PullResult> {
  const { signal } = options;
  signal?.throwIfAborted();
  const sources = sourcesOf(model, variant, file, options.mirror);
  const { sha256, bytes } = file;
  if (sha256 === undefined || bytes === undefined) {
    throw failed(model, variant, `its manifest states no sha256 and bytes to verify a download of ${file.file}`);
  }
  if (await isVerified(model, file, signal)) return { status: 'already_present' };
  if (sources.length === 0) throw failed(model, variant, 'its manifest has no url, and no mirror is set');

  const target = weightsPath(model, file);
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
  const [code, ...otherCodes] = new Set(errors.map((error) => error.code));
  const common = otherCodes.length === 0 ? code : undefined;
  throw failed(model, variant, errors.map(({ message }) => message).join('; '), common, errors.at(-1));
}

/** The mirror, then the URL in the manifest. */
function sourcesOf(
  model: ModelFolder,
  variant: NamedVariant,
  { file, url }: WeightFile,
  mirror: string | undefined,
): URL[] {
  const sources: URL[] = [];
  if (mirror !== undefined) {
    const base = URL.canParse(mirror) ? new URL(mirror) : undefined;
    // Node cannot open file://host/folder, which names another machine.
    if (!base || !(['http:', 'https:'].includes(base.protocol) || (base.protocol === 'file:' && base.host === ''))) {
      throw new MenagerieError('invalid_config', 'the mirror must be an http:, https: or file:/ URL of a folder');
    }
    base.pathname = `${base.pathname.replace(/\/+$/, '')}/${encodeURIComponent(basename(file))}`;
    sources.push(base);
  }
  if (url !== undefined) {
    if (!URL.canParse(url)) throw failed(model, variant, 'a url in its manifest is not valid');
    sources.push(new URL(url));
  }
  return sources;
}

/** Whether the file exists and is correct. A wrong one will be replaced. */
async function isVerified(model: ModelFolder, file: WeightFile, signal: AbortSignal | undefined): Promise<boolean> {
  if (!(await isPresent(model, file))) return false;
  try {
    await verifyFile(model, file, signal);
    return true;
  } catch (error) {
    if (error instanceof MenagerieError && error.code !== 'io_error') return false;
    throw error;
  }
}

/** Fills the partial file from one source and verifies it. Wrong bytes are deleted. */
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
  // The wrong bytes may come from an earlier pull or source: fetch all again from this one.
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
