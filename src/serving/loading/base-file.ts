import type { BaseFile } from '../../runtime/networks/network-spec.js';
import type { ModelFolder, Repository } from '../../zoo/repository.js';
import { findVariant, type NamedVariant, weightsPath } from '../../zoo/weights.js';

/** More than anybody trains on top of each other. */
const MAX_STEPS = 16;

/**
 * The file that a model's network was trained on: of a model that was trained on a trained one, the first.
 * @returns undefined if it was trained on none, or that is not in the repository
 */
export function baseFileOf({ models }: Repository, { manifest }: ModelFolder): BaseFile | undefined {
  let from = manifest.derived_from;
  for (let steps = 0; from && steps < MAX_STEPS; steps++) {
    const base = models.get(from.model);
    const stated = base?.manifest.variants[from.variant];
    if (!base || !stated) return undefined;
    const { derived_from: next, output } = base.manifest;
    if (!next || !models.has(next.model)) {
      const variant = findVariant(base, from.variant);
      return {
        file: weightsPath(base, variant),
        fileSha256: from.sha256,
        externalSha256: statedHashes(variant),
        output: output.name,
      };
    }
    from = next;
  }
  return undefined;
}

/** The SHA-256 of external data files by name, where the manifest states them. */
export function statedHashes({ external_data = [] }: NamedVariant): Record<string, string> {
  return Object.fromEntries(
    external_data.flatMap(({ file, sha256 }) => (sha256 === undefined ? [] : [[file, sha256]])),
  );
}
