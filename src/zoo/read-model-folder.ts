import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MenagerieError } from '../core/errors.js';
import { parseManifest } from '../core/manifest/manifest.js';
import { ioError } from '../system/errors.js';
import { holdInside } from '../system/regular-file.js';
import { fileSize, readSmallText } from './files.js';
import { type Label, readLabels } from './labels.js';
import type { ModelFolder } from './repository.js';
import { readWordNet, WORDNET_FILE, type WordNet } from './wordnet.js';

export const MANIFEST = 'manifest.json';
const MAX_MANIFEST_BYTES = 256 * 1024;

/** Where a model's folder is. */
export type ModelPlace = Pick<ModelFolder, 'id' | 'root' | 'folder'>;

/** Reads model folders. Each label file is read once, because most models share one, and WordNet's tree once for all of them. */
export class FolderReader {
  readonly #builtIn: string;
  readonly #labels = new Map<string, Promise<readonly Label[]>>();
  #tree: Promise<WordNet> | undefined;

  /** @param builtIn the directory that is searched for labels and golden pictures of all models, and for WordNet's tree */
  constructor(builtIn: string) {
    this.#builtIn = builtIn;
  }

  /**
   * Reads a model folder.
   * @returns undefined if it holds no part of a model
   * @throws MenagerieError `invalid_manifest`, `invalid_labels`, `file_missing`, `io_error`
   */
  async open(place: ModelPlace): Promise<ModelFolder | undefined> {
    const manifest = await this.manifestOf(place);
    return manifest === undefined ? undefined : await this.parse(place, manifest);
  }

  /**
   * The text of the manifest of a model folder.
   * @returns undefined if the folder holds no part of a model
   * @throws MenagerieError `invalid_manifest`, `file_missing`, `io_error`
   */
  async manifestOf(place: ModelPlace): Promise<string | undefined> {
    const file = join(place.folder, MANIFEST);
    const names = await readdir(place.folder).catch((error: unknown) => {
      throw ioError(`cannot read ${place.folder}`, error);
    });
    if (names.includes(MANIFEST)) return await readManifest(file, this.#inside(place));
    if (!names.some((name) => name.endsWith('.onnx'))) return undefined;
    throw new MenagerieError(
      'file_missing',
      `${file} is missing: an ONNX file needs a manifest beside it that states the preprocessing (docs/models.md)`,
    );
  }

  /**
   * The model folder that a manifest makes of a place.
   * @param text the manifest, as it is or may come to be in the folder
   * @throws MenagerieError as `open`
   */
  async parse(place: ModelPlace, text: string): Promise<ModelFolder> {
    const file = join(place.folder, MANIFEST);
    const manifest = parseManifest(text, file);
    if (manifest.id !== place.id) {
      throw new MenagerieError('invalid_manifest', `${file}: id: is "${manifest.id}", the folder is "${place.id}"`);
    }
    const shared = [place.root, this.#builtIn];
    const labelFile = await locate(manifest.labels, place.folder, shared, 'labels', '.txt');
    if (!labelFile.found) throw new MenagerieError('invalid_labels', `${file}: labels: ${noFile(labelFile)}`);
    const inside = this.#inside(place);
    const model = { ...place, manifest, labels: await this.#readLabels(labelFile.found, inside) };
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

  #inside({ folder, root }: ModelPlace): string[] {
    return [folder, root, this.#builtIn];
  }

  #readLabels(file: string, inside: readonly string[]): Promise<readonly Label[]> {
    const known = this.#labels.get(file) ?? readLabels(file, inside, () => this.#wordnet());
    this.#labels.set(file, known);
    return known;
  }

  #wordnet(): Promise<WordNet> {
    this.#tree ??= readWordNet(join(this.#builtIn, 'labels', WORDNET_FILE), [this.#builtIn]);
    return this.#tree;
  }
}

/**
 * Reads the text of a manifest.
 * @param inside the folders that the file may lie in after links are followed
 * @throws MenagerieError `invalid_manifest`, `file_missing`, `io_error`
 */
export function readManifest(file: string, inside: readonly string[]): Promise<string> {
  return readSmallText(file, { limit: MAX_MANIFEST_BYTES, faulty: 'invalid_manifest', inside });
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
