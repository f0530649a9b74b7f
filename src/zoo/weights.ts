import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MenagerieError } from '../core/errors.js';
import { type Variant, type VariantName, variantsOf } from '../core/manifest/manifest.js';
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

/** Path of a variant's weights, which need not be pulled yet. */
export function weightsPath(model: ModelFolder, variant: Variant): string {
  return join(model.folder, variant.file);
}

/** Whether the file exists and has the size in the manifest. Its content is not read. */
export async function isPulled(model: ModelFolder, variant: Variant): Promise<boolean> {
  const size = await fileSize(weightsPath(model, variant));
  return size !== undefined && (variant.bytes === undefined || size === variant.bytes);
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
 * Checks that the file exists and has the size in the manifest. Its content is not read.
 * @throws MenagerieError `model_not_pulled`, `file_missing` if it is not a regular file, `size_mismatch`
 */
export async function assertPulled(model: ModelFolder, variant: NamedVariant): Promise<void> {
  const file = weightsPath(model, variant);
  const size = await fileSize(file);
  if (size === undefined) {
    const special = await stat(file).catch(() => undefined);
    if (special) throw new MenagerieError('file_missing', `${model.id}: ${file} is not a regular file`);
    const option = variant.name === model.manifest.default_variant ? '' : ` --variant ${variant.name}`;
    const advice = variant.url ? `; fetch it with: menagerie pull ${model.id}${option}` : '';
    throw new MenagerieError('model_not_pulled', `${model.id}: ${file} is not there${advice}`);
  }
  if (variant.bytes !== undefined && size !== variant.bytes) {
    throw new MenagerieError('size_mismatch', `${file}: has ${size} bytes, its manifest states ${variant.bytes}`);
  }
}

/**
 * Reads the whole file and compares size and SHA-256 with the manifest, if stated there.
 * @returns the SHA-256 in hex and the size in bytes, which identify the weights
 * @throws MenagerieError as `assertPulled`; `checksum_mismatch`, `io_error`; the signal's reason when aborted
 */
export async function verifyWeights(
  model: ModelFolder,
  variant: NamedVariant,
  signal?: AbortSignal | undefined,
): Promise<{ sha256: string; bytes: number }> {
  const file = weightsPath(model, variant);
  await assertPulled(model, variant);
  const found = await sha256Of(file, signal);
  if (variant.sha256 !== undefined && found.sha256 !== variant.sha256) {
    throw new MenagerieError(
      'checksum_mismatch',
      `${file}: its SHA-256 is ${found.sha256}, its manifest states ${variant.sha256}`,
    );
  }
  return found;
}
