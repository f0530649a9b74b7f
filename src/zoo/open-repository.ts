import { readdir, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { MenagerieError } from '../core/errors.js';
import { ioError, systemCode } from '../system/errors.js';
import { ENSEMBLES, openEnsembles } from './ensembles.js';
import { isFolder } from './files.js';
import { LiveRepository } from './live-repository.js';
import { FolderReader } from './read-model-folder.js';
import type { ModelFolder, RefusedFolder } from './repository.js';

// The model repository on disk: directories with one folder per model, which holds a manifest.json, and with ensembles.
// docs/models.md tells how to add a model.

/** Model folders. Each keeps one or two files open. */
const OPENED_AT_A_TIME = 16;
const NOT_MODELS = new Set(['labels', 'golden', ENSEMBLES]);

/**
 * Reads every model folder and ensemble of the directories. A faulty one is refused with its reason; this does not affect the others.
 * @param directories the first one is the built-in one, which is searched for labels and golden pictures of all models too, and alone
 *   for WordNet's tree
 * @param writable the directory whose models may be replaced and removed; it is read last, and need not exist yet
 * @throws MenagerieError `invalid_config` if a directory does not exist, `io_error` if one cannot be read
 */
export async function openRepository(directories: readonly string[], writable?: string): Promise<LiveRepository> {
  const existing = writable !== undefined && (await isFolder(writable)) ? [...directories, writable] : directories;
  const roots = [...new Set(await Promise.all(existing.map(rootOf)))];
  const models = new Map<string, ModelFolder>();
  const refused: RefusedFolder[] = [];
  const reader = new FolderReader(roots[0] ?? '');
  for (const root of roots) {
    const ids = await subfolders(root);
    for (let at = 0; at < ids.length; at += OPENED_AT_A_TIME) {
      const opening = ids.slice(at, at + OPENED_AT_A_TIME).map(async (id) => {
        const place = { id, root, folder: join(root, id) };
        return { ...place, found: await reader.open(place).catch(faultOnly) };
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
  return new LiveRepository(roots, writable, { models, ensembles, refused: [...refused, ...refusedEnsembles] });
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
