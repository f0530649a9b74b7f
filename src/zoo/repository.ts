import { dirname, sep } from 'node:path';
import { MenagerieError } from '../core/errors.js';
import type { Manifest } from '../core/manifest/manifest.js';
import type { Ensemble } from '../core/scores/ensemble.js';
import type { Label } from './labels.js';

// What the model directories hold, as data.

/** A model whose manifest, labels and golden picture are in order. Its weights may still have to be pulled. */
export interface ModelFolder {
  id: string;
  /** The model directory it was found in. */
  root: string;
  /** Its own folder, absolute. */
  folder: string;
  manifest: Manifest;
  /** In index order. */
  labels: readonly Label[];
  /** Absolute path. */
  goldenImage?: string;
}

/** A folder that was to be a model and is not, or a file that was to be an ensemble. */
export interface RefusedFolder {
  kind: 'model' | 'ensemble';
  /** Name of the folder, or of the file without `.json`. */
  id: string;
  /** The folder itself, or the one that holds the ensemble; either lies right in a model directory. */
  folder: string;
  error: MenagerieError;
}

/** Models that answer together, all of them in the repository. */
export interface EnsembleFile {
  id: string;
  /** The model directory it was found in. */
  root: string;
  /** Absolute path. */
  file: string;
  ensemble: Ensemble;
  /** Those of every member, in index order. */
  labels: readonly Label[];
}

/** What lies in the model directories. */
export interface Repository {
  models: ReadonlyMap<string, ModelFolder>;
  ensembles: ReadonlyMap<string, EnsembleFile>;
  refused: readonly RefusedFolder[];
}

/** The error for an id that the repository does not have. */
export function unknownModel(id: string): MenagerieError {
  return new MenagerieError('unknown_model', `There is no model "${id}"; GET /models lists those there are.`);
}

/** The model directories of each repository: there may be thousands of folders to ask for them. */
const knownRoots = new WeakMap<Repository, ReadonlySet<string>>();

/** A message for clients, who are to know which file is meant but not where it lies on this machine. */
export function withoutPaths(repository: Repository, message: string): string {
  const { models, ensembles, refused } = repository;
  const roots =
    knownRoots.get(repository) ??
    new Set([
      ...[...models.values(), ...ensembles.values()].map(({ root }) => root),
      ...refused.map(({ folder }) => dirname(folder)),
    ]);
  knownRoots.set(repository, roots);
  return [...roots].reduce((text, root) => text.replaceAll(`${root}${sep}`, ''), message);
}
