import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MenagerieError } from '../core/errors.js';
import { type Ensemble, parseEnsemble } from '../core/scores/ensemble.js';
import { ioError, systemCode } from '../system/errors.js';
import { readSmallText } from './files.js';
import type { Label } from './labels.js';
import type { EnsembleFile, ModelFolder, RefusedFolder } from './repository.js';

/** The sub-folder of a model directory that holds its ensembles, one file `<id>.json` each. */
export const ENSEMBLES = 'ensembles';
const SUFFIX = '.json';
const MAX_ENSEMBLE_BYTES = 64 * 1024;

/** What makes two classes the same. */
type ClassId = Pick<Label, 'name' | 'wnid'>;

interface Known {
  models: ReadonlyMap<string, ModelFolder>;
  refused: readonly RefusedFolder[];
}

/**
 * Reads every ensemble of the model directories. A faulty one is refused with its reason; this does not affect the others.
 * @param known the models of all directories
 * @throws MenagerieError `io_error` if a folder cannot be read
 */
export async function openEnsembles(
  roots: readonly string[],
  known: Known,
): Promise<{ ensembles: ReadonlyMap<string, EnsembleFile>; refused: RefusedFolder[] }> {
  const ensembles = new Map<string, EnsembleFile>();
  const refused: RefusedFolder[] = [];
  for (const root of roots) {
    const folder = join(root, ENSEMBLES);
    for (const name of await ensembleFiles(folder)) {
      const id = name.slice(0, -SUFFIX.length);
      const file = join(folder, name);
      try {
        const opened = await openEnsemble({ id, root, file }, known);
        const first = ensembles.get(id)?.file ?? folderOf(id, known);
        if (first) throw new MenagerieError('invalid_manifest', `${file}: the id "${id}" is taken by ${first}`);
        ensembles.set(id, opened);
      } catch (error) {
        if (!(error instanceof MenagerieError)) throw error;
        refused.push({ kind: 'ensemble', id, folder, error });
      }
    }
  }
  return { ensembles, refused };
}

async function ensembleFiles(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder);
    return names.filter((name) => name.endsWith(SUFFIX) && !name.startsWith('.')).sort();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return [];
    throw ioError(`cannot read ${folder}`, error);
  }
}

/** The folder of a model, even if it was refused: its id is taken too. */
function folderOf(id: string, { models, refused }: Known): string | undefined {
  return (models.get(id) ?? refused.find((other) => other.id === id))?.folder;
}

async function openEnsemble(place: { id: string; root: string; file: string }, known: Known): Promise<EnsembleFile> {
  const { id, root, file } = place;
  const rules = { limit: MAX_ENSEMBLE_BYTES, faulty: 'invalid_manifest', inside: [root] } as const;
  const ensemble = parseEnsemble(await readSmallText(file, rules), file);
  if (ensemble.id !== id) {
    throw new MenagerieError('invalid_manifest', `${file}: id: is "${ensemble.id}", the file is "${id}${SUFFIX}"`);
  }
  const faults = ensembleFaults(ensemble, known);
  if (faults.length > 0) throw new MenagerieError('invalid_manifest', `${file}: ${faults.join('; ')}`);
  const [first] = ensemble.members.flatMap(({ model }) => known.models.get(model) ?? []);
  return { ...place, ensemble, labels: first?.labels ?? [] };
}

/** Why an ensemble cannot be made of the models that are known; empty if it can. */
export function ensembleFaults(ensemble: Ensemble, known: Known): string[] {
  const members = ensemble.members.map(({ model }) => model);
  return members.flatMap((model, i) => {
    const fault = memberFault(model, known) ?? labelFault(model, members, known) ?? cropFault(model, ensemble, known);
    return fault === undefined ? [] : [`members.${i}.model: ${fault}`];
  });
}

function memberFault(id: string, { models, refused }: Known): string | undefined {
  const model = models.get(id);
  if (model?.manifest.untrained) return `"${id}" is untrained: its answers mean nothing`;
  if (model) return notAveraged(model);
  return refused.some((other) => other.id === id)
    ? `the folder of model "${id}" was refused`
    : `there is no model "${id}"`;
}

/** Why a model's answers cannot be combined with others; undefined if they can. */
export function notAveraged({ id, manifest }: ModelFolder): string | undefined {
  return manifest.output.multi_label
    ? `the labels of "${id}" do not exclude each other (output.multi_label): its scores are no distribution to average`
    : undefined;
}

function cropFault(id: string, { crops = 1 }: Ensemble, { models }: Known): string | undefined {
  const mode = models.get(id)?.manifest.preprocess.resize.mode;
  return crops === 1 || mode === 'shorter_side'
    ? undefined
    : `"${id}" has resize mode "${mode}" and takes one crop; the ensemble wants ${crops}`;
}

/** Compares the labels of a known model with those of the first member that is known. */
function labelFault(id: string, members: readonly string[], { models }: Known): string | undefined {
  const first = members.find((member) => models.has(member)) ?? id;
  const difference = labelDifference(models.get(id)?.labels ?? [], models.get(first)?.labels ?? []);
  return difference && `"${id}" and "${first}" have other labels: ${difference}`;
}

/** How two lists of labels differ; undefined if they are equal, as they must be for averaging by index. */
export function labelDifference(a: readonly ClassId[], b: readonly ClassId[]): string | undefined {
  if (a === b) return undefined;
  if (a.length !== b.length) return `${a.length} and ${b.length} classes`;
  const at = a.findIndex(({ name, wnid }, i) => name !== b[i]?.name || wnid !== b[i]?.wnid);
  return at === -1 ? undefined : `class ${at} is ${shownLabel(a[at])} and ${shownLabel(b[at])}`;
}

function shownLabel(label: ClassId | undefined): string {
  return `"${label?.name}"${label?.wnid ? ` (${label.wnid})` : ''}`;
}
