import { sep } from 'node:path';
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

/** The contents of the model directories, as they are now: they change while models are added, replaced and removed. */
export interface Repository {
  /** The model directories, absolute; the built-in one first. */
  readonly roots: readonly string[];
  readonly models: ReadonlyMap<string, ModelFolder>;
  readonly ensembles: ReadonlyMap<string, EnsembleFile>;
  readonly refused: readonly RefusedFolder[];
}

/** The error for an id that the repository does not have. */
export function unknownModel(id: string): MenagerieError {
  return new MenagerieError('unknown_model', `There is no model "${id}"; GET /models lists the models.`);
}

/** Removes model directories from a message for clients: it still names the file, but not its place on this machine. */
export function withoutPaths({ roots }: Pick<Repository, 'roots'>, message: string): string {
  return roots.reduce((text, root) => text.replaceAll(`${root}${sep}`, ''), message);
}
