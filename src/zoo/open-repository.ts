import { readdir, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { MenagerieError } from '../core/errors.js';
import { parseManifest } from '../core/manifest/manifest.js';
import { ioError, systemCode } from '../system/errors.js';
import { holdInside } from '../system/regular-file.js';
import { ENSEMBLES, openEnsembles } from './ensembles.js';
import { fileSize, readSmallText } from './files.js';
import { type Label, readLabels } from './labels.js';
import type { ModelFolder, RefusedFolder, Repository } from './repository.js';
import { readWordNet, WORDNET_FILE, type WordNet } from './wordnet.js';

// The model repository on disk: directories with one folder per model, which holds a manifest.json, and with ensembles.
// docs/models.md tells how to add a model.

const MANIFEST = 'manifest.json';
const MAX_MANIFEST_BYTES = 256 * 1024;
/** Model folders. Each keeps one or two files open. */
const OPENED_AT_A_TIME = 16;
const NOT_MODELS = new Set(['labels', 'golden', ENSEMBLES]);

/**
 * Reads every model folder and ensemble of the directories. A faulty one is refused with its reason; this does not affect the others.
 * @param directories the first one is the built-in one, which is searched for labels and golden pictures of all models too, and alone
 *   for WordNet's tree
 * @throws MenagerieError `invalid_config` if a directory does not exist, `io_error` if one cannot be read
 */
export async function openRepository(directories: readonly string[]): Promise<Repository> {
  const roots = [...new Set(await Promise.all(directories.map(rootOf)))];
  const models = new Map<string, ModelFolder>();
  const refused: RefusedFolder[] = [];
  const labels = labelCache(roots);
  for (const root of roots) {
    const ids = await subfolders(root);
    const shared = [root, ...roots.slice(0, 1)];
    for (let at = 0; at < ids.length; at += OPENED_AT_A_TIME) {
      const opening = ids.slice(at, at + OPENED_AT_A_TIME).map(async (id) => {
        const place = { id, root, folder: join(root, id) };
        return { ...place, found: await openModelFolder(place, shared, labels).catch(faultOnly) };
      });
      for (const { id, folder, found } of await Promise.all(opening)) {
        if (!found) continue;
        const other = models.get(id);
        if (found instanceof MenagerieError) refused.push({ kind: 'model', id, folder, error: found });
        else if (other) refused.push({ kind: 'model', id, folder, error: idTaken(id, folder, other) });
        else models.set(id, found);
      }
    }
  }
  const { ensembles, refused: refusedEnsembles } = await openEnsembles(roots, { models, refused });
  return { models, ensembles, refused: [...refused, ...refusedEnsembles] };
}

/** Returns an error that a faulty folder causes; throws any other. */
function faultOnly(error: unknown): MenagerieError {
  if (error instanceof MenagerieError) return error;
  throw error;
}

function idTaken(id: string, folder: string, other: ModelFolder): MenagerieError {
  return new MenagerieError('invalid_manifest', `${folder}: the id "${id}" is taken by ${other.folder}`);
}

/** The absolute path of a model directory, after following links. */
async function rootOf(directory: string): Promise<string> {
  try {
    const root = await realpath(directory);
    if ((await stat(root)).isDirectory()) return root;
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw ioError(`cannot read the model directory ${resolve(directory)}`, error);
  }
  throw new MenagerieError('invalid_config', `the model directory ${resolve(directory)} does not exist`);
}

async function subfolders(root: string): Promise<string[]> {
  try {
    const entries = await readdir(root, { withFileTypes: true });
    const names: string[] = [];
    for (const entry of entries) {
      if (entry.name.startsWith('.') || NOT_MODELS.has(entry.name)) continue;
      const folder = entry.isDirectory() || (entry.isSymbolicLink() && (await isFolder(join(root, entry.name))));
      if (folder) names.push(entry.name);
    }
    return names.sort();
  } catch (error) {
    throw ioError(`cannot read the model directory ${root}`, error);
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );
}

type LabelReader = (file: string, inside: readonly string[]) => Promise<readonly Label[]>;

/** Reads each label file once, because most models share one, and WordNet's tree once for all of them. */
function labelCache([builtIn = '']: readonly string[]): LabelReader {
  const read = new Map<string, Promise<readonly Label[]>>();
  let tree: Promise<WordNet> | undefined;
  const wordnet = () => {
    tree ??= readWordNet(join(builtIn, 'labels', WORDNET_FILE), [builtIn]);
    return tree;
  };
  return (file, inside) => {
    const known = read.get(file) ?? readLabels(file, inside, wordnet);
    read.set(file, known);
    return known;
  };
}

/** @returns undefined if the folder holds no part of a model */
async function openModelFolder(
  place: { id: string; root: string; folder: string },
  shared: readonly string[],
  readLabelFile: LabelReader,
): Promise<ModelFolder | undefined> {
  const file = join(place.folder, MANIFEST);
  const names = await readdir(place.folder).catch((error: unknown) => {
    throw ioError(`cannot read ${place.folder}`, error);
  });
  if (!names.includes(MANIFEST)) {
    if (!names.some((name) => name.endsWith('.onnx'))) return undefined;
    throw new MenagerieError(
      'file_missing',
      `${file} is missing: an ONNX file needs a manifest beside it that states the preprocessing (docs/models.md)`,
    );
  }
  const inside = [place.folder, ...shared];
  const rules = { limit: MAX_MANIFEST_BYTES, faulty: 'invalid_manifest', inside } as const;
  const manifest = parseManifest(await readSmallText(file, rules), file);
  if (manifest.id !== place.id) {
    throw new MenagerieError('invalid_manifest', `${file}: id: is "${manifest.id}", the folder is "${place.id}"`);
  }
  const labelFile = await locate(manifest.labels, place.folder, shared, 'labels', '.txt');
  if (!labelFile.found) throw new MenagerieError('invalid_labels', `${file}: labels: ${noFile(labelFile)}`);
  const model = { ...place, manifest, labels: await readLabelFile(labelFile.found, inside) };
  const { golden } = manifest;
  if (!golden) return model;
  if (golden.index >= model.labels.length) {
    const classes = `${labelFile.found} has ${model.labels.length} classes`;
    throw new MenagerieError('invalid_manifest', `${file}: golden.index: is ${golden.index}, but ${classes}`);
  }
  const picture = await locate(golden.image, place.folder, shared, 'golden', '');
  if (!picture.found) throw new MenagerieError('file_missing', `${file}: golden.image: ${noFile(picture)}`);
  await holdInside(picture.found, inside).catch((error: unknown) => {
    throw ioError(`${file}: golden.image: cannot read ${picture.found}`, error);
  });
  return { ...model, goldenImage: picture.found };
}

interface FileSearch {
  found: string | undefined;
  tried: string[];
}

/** Finds `./x` beside the manifest, and `x` in the sub-folder of the model's own directory or else of the built-in one. */
async function locate(
  name: string,
  folder: string,
  shared: readonly string[],
  subfolder: string,
  suffix: string,
): Promise<FileSearch> {
  const tried = name.startsWith('./')
    ? [join(folder, name)]
    : [...new Set(shared.map((root) => join(root, subfolder, `${name}${suffix}`)))];
  for (const file of tried) if ((await fileSize(file)) !== undefined) return { found: file, tried };
  return { found: undefined, tried };
}

function noFile({ tried }: FileSearch): string {
  return `there is no file ${tried.join(' nor ')}`;
}
