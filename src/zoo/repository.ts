import { dirname, sep } from 'node:path';
import { MenagerieError } from '../core/errors.js';
import type { Manifest } from '../core/manifest/manifest.js';
import type { Ensemble } from '../core/scores/ensemble.js';
import type { Label } from './labels.js';

/** A model whose manifest, labels and golden picture are valid. Its weights may be missing. */
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

/** A faulty model folder or ensemble file. */
export interface RefusedFolder {
  kind: 'model' | 'ensemble';
  /** Name of the folder, or of the file without `.json`. */
  id: string;
  /** The model folder, or the folder of the ensemble file; both lie directly in a model directory. */
  folder: string;
  error: MenagerieError;
}

/** An ensemble whose members are all in the repository. */
export interface EnsembleFile {
  id: string;
  /** The model directory it was found in. */
  root: string;
  /** Absolute path. */
  file: string;
  ensemble: Ensemble;
  /** The labels that all members share, in index order. */
  labels: readonly Label[];
}

/** The contents of the model directories. */
export interface Repository {
  models: ReadonlyMap<string, ModelFolder>;
  ensembles: ReadonlyMap<string, EnsembleFile>;
  refused: readonly RefusedFolder[];
}

/** The error for an id that the repository does not have. */
export function unknownModel(id: string): MenagerieError {
  return new MenagerieError('unknown_model', `There is no model "${id}"; GET /models lists the models.`);
}

/** The model directories of each repository, cached because they are collected from thousands of folders. */
const knownRoots = new WeakMap<Repository, ReadonlySet<string>>();

/** Removes model directories from a message for clients: it still names the file, but not its place on this machine. */
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
