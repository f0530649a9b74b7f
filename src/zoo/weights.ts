import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MenagerieError } from '../core/errors.js';
import { variantsOf } from '../core/manifest/manifest.js';
import { filesOf, type Variant, type VariantName, type WeightFile } from '../core/manifest/variant.js';
import { fileSize, sha256Of } from './files.js';
import type { ModelFolder } from './repository.js';

/** A variant and its name. */
export interface NamedVariant extends Variant {
  name: VariantName;
}

/**
 * The variant of this name, or the default variant.
 * @throws MenagerieError `unknown_variant` listing the variants of the model
 */
export function findVariant(model: ModelFolder, name?: string): NamedVariant {
  const variants = variantsOf(model.manifest);
  const wanted = name ?? model.manifest.default_variant;
  const found = variants.find(([candidate]) => candidate === wanted);
  if (!found) {
    const known = variants.map(([candidate]) => candidate).join(', ');
    throw new MenagerieError('unknown_variant', `${model.id} has no variant "${wanted}"; it has ${known}`);
  }
  return { name: found[0], ...found[1] };
}

/** Path of a file of a model, which need not be pulled yet: of a variant, that of its ONNX file. */
export function weightsPath(model: ModelFolder, { file }: Pick<WeightFile, 'file'>): string {
  return join(model.folder, file);
}

/** Size of all files of a variant in bytes, as its manifest states it. */
export function statedBytes(variant: Variant): number {
  return filesOf(variant).reduce((sum, { bytes = 0 }) => sum + bytes, 0);
}

/** Whether the files of a variant exist and have the sizes in the manifest. Their content is not read. */
export async function isPulled(model: ModelFolder, variant: Variant): Promise<boolean> {
  for (const file of filesOf(variant)) if (!(await isPresent(model, file))) return false;
  return true;
}

/** Whether a file exists and has the size in the manifest. Its content is not read. */
export async function isPresent(model: ModelFolder, file: WeightFile): Promise<boolean> {
  const size = await fileSize(weightsPath(model, file));
  return size !== undefined && (file.bytes === undefined || size === file.bytes);
}

/**
 * The first variant whose weights are pulled, of these: the preferred one, the default one, any. If there is none, the default one.
 */
export async function preferredVariant(model: ModelFolder, preference?: VariantName): Promise<NamedVariant> {
  const usual = findVariant(model);
  const known = variantsOf(model.manifest).map(([name]) => findVariant(model, name));
  const preferred = known.filter(({ name }) => name === preference);
  for (const variant of [...preferred, usual, ...known]) if (await isPulled(model, variant)) return variant;
  return usual;
}

/**
 * Checks that the files of a variant exist and have the sizes in the manifest. Their content is not read.
 * @throws MenagerieError `model_not_pulled`, `file_missing` for what is not a regular file, `size_mismatch`
 */
export async function assertPulled(model: ModelFolder, variant: NamedVariant): Promise<void> {
  for (const file of filesOf(variant)) await assertPresent(model, variant, file);
}

async function assertPresent(
  model: ModelFolder,
  variant: NamedVariant,
  { file, url, bytes }: WeightFile,
): Promise<void> {
  const path = weightsPath(model, { file });
  const size = await fileSize(path);
  if (size === undefined) {
    const special = await stat(path).catch(() => undefined);
    if (special) throw new MenagerieError('file_missing', `${model.id}: ${path} is not a regular file`);
    const option = variant.name === model.manifest.default_variant ? '' : ` --variant ${variant.name}`;
    const advice = url ? `; fetch it with: menagerie pull ${model.id}${option}` : '';
    throw new MenagerieError('model_not_pulled', `${model.id}: ${path} is not there${advice}`);
  }
  if (bytes !== undefined && size !== bytes) {
    throw new MenagerieError('size_mismatch', `${path}: has ${size} bytes, its manifest states ${bytes}`);
  }
}

/**
 * Reads the files of a variant and compares their sizes and SHA-256 with the manifest, if stated there.
 * @returns the SHA-256 of the ONNX file, in hex
 * @throws MenagerieError as `assertPulled`; `checksum_mismatch`, `io_error`; the signal's reason when aborted
 */
export async function verifyWeights(
  model: ModelFolder,
  variant: NamedVariant,
  signal?: AbortSignal | undefined,
): Promise<string> {
  await assertPulled(model, variant);
  const hashes: string[] = [];
  for (const file of filesOf(variant)) hashes.push(await verifyFile(model, file, signal));
  const [sha256 = ''] = hashes;
  return sha256;
}

/**
 * Reads a file and compares its SHA-256 with the manifest, if stated there.
 * @returns the SHA-256 in hex
 * @throws MenagerieError `checksum_mismatch`, `io_error`; the signal's reason when aborted
 */
export async function verifyFile(
  model: ModelFolder,
  file: WeightFile,
  signal?: AbortSignal | undefined,
): Promise<string> {
  const path = weightsPath(model, file);
  const { sha256 } = await sha256Of(path, signal);
  if (file.sha256 === undefined || file.sha256 === sha256) return sha256;
  throw new MenagerieError(
    'checksum_mismatch',
    `${path}: its SHA-256 is ${sha256}, its manifest states ${file.sha256}`,
  );
}
