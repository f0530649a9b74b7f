import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, mkdir, open, realpath, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { MenagerieError } from '../core/errors.js';
import { type Manifest, parseManifest } from '../core/manifest/manifest.js';
import { MODEL_ID_PATTERN, PATTERN_WORDS } from '../core/manifest/schema-words.js';
import type { Variant, VariantName, WeightFile } from '../core/manifest/variant.js';
import { ioError } from '../system/errors.js';
import { ownPartial } from '../system/partial-name.js';
import { syncFolder, writeWhole } from '../system/whole-file.js';
import { sha256Of } from './files.js';
import type { Label } from './labels.js';
import { removeAbandoned, removeOldVersions, withFolderLock } from './model-versions.js';
import { MANIFEST, type ModelPlace, readManifest } from './read-model-folder.js';

// How a model folder is written. The files of each version lie in a sub-folder of their own, whose name begins with the hash of the
// network and which no other version shares:
//   <id>/manifest.json            the current version
//   <id>/manifest.previous.json   the one before it
//   <id>/<hash>-<4 digits>/       model.onnx, labels.txt, golden.jpg, ...
// A version is current when its manifest is. So a version that was not finished is a folder that no manifest names, the place of a file
// never changes, and a server that still serves an older version finds its files.

const PREVIOUS = 'manifest.previous.json';

/** A file to write. */
export interface NewFile {
  /** Relative to the version's folder. */
  name: string;
  content: Uint8Array | string | { copyOf: string };
}

/** What goes into a model's folder. */
export interface NewModel {
  /** What the manifest states, but for the files. */
  manifest: Omit<Manifest, 'labels' | 'variants' | 'default_variant' | 'golden'>;
  variant: VariantName;
  network: NewFile;
  /** Its external data, by the names that the ONNX file has for them. */
  externalData?: readonly NewFile[];
  /** Percent of pictures that it has right, if that was measured. */
  top1?: number;
  /** In index order, or the name of a label file that models share. */
  labels: readonly Pick<Label, 'name' | 'wnid'>[] | string;
  /** A picture that the model must know. */
  golden?: { picture: NewFile; index: number; within: number } | undefined;
  /** Further files, such as a report. */
  others?: readonly NewFile[];
}

/** A version of a model whose files are written, and whose manifest is not current yet. */
export interface StagedModel extends ModelPlace {
  /** Name of the sub-folder that was written for it; undefined for a version that was current before. */
  written: string | undefined;
  /** The text of its manifest. */
  manifest: string;
}

/**
 * Writes the files of a version of a model into its folder, which need not exist. Nothing else of the folder is changed.
 * @param directory the model directory, made if it does not exist
 * @throws MenagerieError `invalid_manifest` for what a manifest may not state, `io_error`; nothing is left then
 */
export async function stageModel(directory: string, model: NewModel): Promise<StagedModel> {
  const { id } = model.manifest;
  if (!new RegExp(MODEL_ID_PATTERN).test(id)) {
    throw new MenagerieError('invalid_manifest', `The id "${id}" ${PATTERN_WORDS[MODEL_ID_PATTERN]}.`);
  }
  const place = { id, ...(await placeIn(directory, id)) };
  for (const folder of [place.root, place.folder]) await removeAbandoned(folder);
  const building = join(place.folder, ownPartial('.version'));
  try {
    await mkdir(building, { recursive: true });
    const main = await writeFile(building, model.network);
    const written = `${main.sha256.slice(0, 12)}-${randomUUID().slice(0, 4)}`;
    const manifest = await fill(building, written, model, main);
    await syncFolder(building);
    await rename(building, join(place.folder, written));
    await syncFolder(place.folder);
    await syncFolder(place.root);
    return { ...place, written, manifest };
  } catch (error) {
    await rm(building, { recursive: true, force: true });
    await rmdir(place.folder).catch(() => undefined);
    throw error instanceof MenagerieError ? error : ioError(`cannot write ${place.folder}`, error);
  }
}

/**
 * The version before the current one.
 * @throws MenagerieError `no_previous_version`, `invalid_manifest`, `io_error`
 */
export async function stagePrevious({ id, root, folder }: ModelPlace): Promise<StagedModel> {
  const manifest = await textOf(join(folder, PREVIOUS), root);
  if (manifest === undefined || manifest === (await textOf(join(folder, MANIFEST), root))) {
    throw new MenagerieError('no_previous_version', `Model "${id}" has no earlier version to go back to.`);
  }
  return { id, root, folder, written: undefined, manifest };
}

/**
 * Makes a staged version the current one, and the current one the previous one. Whenever it is cut off, the folder holds a whole
 * version. Versions that no manifest names any more are removed, but not at once: another server may still serve them.
 * @throws MenagerieError `io_error`; the current version stays current then
 */
export async function commitModel(staged: StagedModel): Promise<void> {
  const { id, root, folder, written, manifest } = staged;
  await withFolderLock(staged, async () => {
    const file = join(folder, MANIFEST);
    const previous = join(folder, PREVIOUS);
    if (written !== undefined) {
      await stat(join(folder, written)).catch((error: unknown) => {
        throw ioError(`version ${written} of "${id}" is lost`, error);
      });
    }
    const replaced = (await textOf(previous, root)) ?? '';
    const current = await textOf(file, root);
    if (current !== undefined && current !== manifest) await writeText(previous, current);
    await writeText(file, manifest);
    await removeOldVersions(folder, `${manifest}${current ?? replaced}`, replaced);
  });
}

/** Removes the files of a staged version that did not become current. */
export async function discardModel({ root, folder, written }: StagedModel): Promise<void> {
  if (written === undefined) return;
  const current = await textOf(join(folder, MANIFEST), root).catch(() => written);
  if (current?.includes(written)) return;
  await rm(join(folder, written), { recursive: true, force: true }).catch(() => undefined);
  // A folder that holds more than this version stays.
  await rmdir(folder).catch(() => undefined);
}

/**
 * Removes a model's folder with all versions: all of it, or nothing.
 * @throws MenagerieError `io_error`
 */
export async function removeModel(place: ModelPlace): Promise<void> {
  const { id, root, folder } = place;
  await withFolderLock(place, async () => {
    // Repositories skip folders whose names begin with a dot.
    const aside = join(root, ownPartial(`.${id}`));
    try {
      await rename(folder, aside);
      await syncFolder(root);
    } catch (error) {
      throw ioError(`cannot remove ${folder}`, error);
    }
    await rm(aside, { recursive: true, force: true }).catch(() => undefined);
  });
}

async function placeIn(directory: string, id: string): Promise<Pick<ModelPlace, 'root' | 'folder'>> {
  try {
    await mkdir(directory, { recursive: true });
    const root = await realpath(directory);
    return { root, folder: join(root, id) };
  } catch (error) {
    throw ioError(`cannot write to the model directory ${directory}`, error);
  }
}

type WrittenFile = Required<Omit<WeightFile, 'url'>>;

/** Writes all files but the network. @returns the manifest */
async function fill(building: string, version: string, model: NewModel, main: WrittenFile): Promise<string> {
  const { manifest, variant, externalData = [], labels, golden, others = [], top1 } = model;
  const external: WeightFile[] = [];
  for (const file of externalData) external.push(await writeFile(building, file));
  const lines = typeof labels === 'string' ? [] : labels.map(({ name, wnid }) => (wnid ? `${wnid}\t${name}` : name));
  const further: NewFile[] = [
    ...(lines.length > 0 ? [{ name: 'labels.txt', content: `${lines.join('\n')}\n` }] : []),
    ...(golden ? [golden.picture] : []),
    ...others,
  ];
  for (const file of further) await writeFile(building, file);
  const weights: Variant = {
    ...main,
    file: `${version}/${main.file}`,
    ...(external.length > 0 && {
      external_data: external.map((file) => ({ ...file, file: `${version}/${file.file}` })),
    }),
    ...(top1 !== undefined && { top1 }),
  };
  const whole = {
    ...manifest,
    labels: typeof labels === 'string' ? labels : `./${version}/labels.txt`,
    variants: { [variant]: weights },
    default_variant: variant,
    ...(golden && {
      golden: { image: `./${version}/${golden.picture.name}`, index: golden.index, within: golden.within },
    }),
  };
  const text = `${JSON.stringify(whole, null, 2)}\n`;
  parseManifest(text, MANIFEST);
  return text;
}

async function writeFile(folder: string, { name, content }: NewFile): Promise<WrittenFile> {
  const file = join(folder, name);
  if (!file.startsWith(join(folder, sep)))
    throw new MenagerieError('io_error', `"${name}" lies outside of the folder.`);
  await mkdir(dirname(file), { recursive: true });
  if (typeof content === 'string' || content instanceof Uint8Array) {
    await writeWhole(file, (handle) => handle.writeFile(content));
  } else {
    await copyFile(content.copyOf, file, constants.COPYFILE_FICLONE);
    const handle = await open(file, 'r');
    await handle.sync().finally(() => handle.close());
  }
  return { file: name, ...(await sha256Of(file)) };
}

async function writeText(file: string, text: string): Promise<void> {
  await writeWhole(file, (handle) => handle.writeFile(text));
}

/** @returns undefined if there is no such file */
async function textOf(manifest: string, root: string): Promise<string | undefined> {
  try {
    return await readManifest(manifest, [root]);
  } catch (error) {
    if (error instanceof MenagerieError && error.code === 'file_missing') return undefined;
    throw error;
  }
}
