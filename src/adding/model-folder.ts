import { constants } from 'node:fs';
import { copyFile, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { MenagerieError } from '../core/errors.js';
import { type Manifest, parseManifest } from '../core/manifest/manifest.js';
import { ioError, systemCode } from '../system/errors.js';
import { ownPartial } from '../system/partial-name.js';
import { syncFolder, writeWhole } from '../system/whole-file.js';
import { sha256Of } from '../zoo/files.js';
import type { LabelCandidate } from './label-candidates.js';
import type { NetworkToAdd } from './network-to-add.js';

/** What goes into a model's folder. */
export interface NewModel {
  network: NetworkToAdd;
  /** Names of the files with external data, as the ONNX file has them. */
  externalData: readonly string[];
  /** What the manifest states, but for the files. */
  manifest: Omit<Manifest, 'labels' | 'variants' | 'default_variant'>;
  candidate: LabelCandidate;
  /** A picture that the model must know. */
  golden: { bytes: Uint8Array; index: number; ending: string } | undefined;
}

/**
 * Writes a model's folder: all of it, or nothing.
 * @returns its path
 * @throws MenagerieError `invalid_manifest` for what a manifest may not state, `io_error`, also where the folder exists
 */
export async function writeModelFolder(directory: string, model: NewModel): Promise<string> {
  const { id } = model.manifest;
  const target = join(directory, id);
  // Repositories skip folders whose names begin with a dot. Not by mkdtemp, which closes its folders to other users.
  const building = join(directory, ownPartial(`.${id}`));
  try {
    await mkdir(building, { recursive: true });
    await fill(building, model);
    // A folder that exists and is not empty is not replaced.
    if (await stat(target).catch(() => undefined)) throw new MenagerieError('io_error', `${target} exists already.`);
    await rename(building, target);
    await syncFolder(directory);
    return target;
  } catch (error) {
    await rm(building, { recursive: true, force: true });
    if (error instanceof MenagerieError) throw error;
    const taken = ['ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? '');
    throw taken
      ? new MenagerieError('io_error', `${target} exists already.`)
      : ioError(`cannot write ${target}`, error);
  }
}

async function fill(folder: string, { network, externalData, manifest, candidate, golden }: NewModel): Promise<void> {
  const file = basename(network.file);
  const state = async (name: string, source: string) => {
    const copy = join(folder, name);
    await mkdir(dirname(copy), { recursive: true });
    await copyFile(source, copy, constants.COPYFILE_FICLONE);
    const handle = await open(copy, 'r');
    await handle.sync().finally(() => handle.close());
    return { file: name, ...(await sha256Of(copy)) };
  };
  const write = (name: string, content: string | Uint8Array) =>
    writeWhole(join(folder, name), (handle) => handle.writeFile(content));
  const main = await state(file, network.file);
  const external = [];
  for (const name of externalData) external.push(await state(name, join(dirname(network.file), name)));
  const variant = { ...main, ...(external.length > 0 && { external_data: external }) };
  const name = network.form.int8 ? 'int8' : 'fp32';
  if (candidate.shared === undefined) {
    const lines = candidate.labels.map(({ name: label, wnid }) => (wnid ? `${wnid}\t${label}` : label));
    await write('labels.txt', `${lines.join('\n')}\n`);
  }
  const picture = golden && `golden${golden.ending}`;
  if (golden && picture) await write(picture, golden.bytes);
  const whole = {
    ...manifest,
    labels: candidate.shared ?? './labels.txt',
    variants: { [name]: variant },
    default_variant: name,
    ...(golden && { golden: { image: `./${picture}`, index: golden.index, within: 1 } }),
  };
  const text = `${JSON.stringify(whole, null, 2)}\n`;
  parseManifest(text, 'manifest.json');
  await write('manifest.json', text);
}
