import { NOMINAL_MS_PER_GMAC } from '../../core/units.js';
import type { ServedModel } from '../models/model.js';
import type { Cost } from './cost.js';

/** The part of a model that its cost depends on. */
type CostedModel = Pick<ServedModel, 'info' | 'folder' | 'gmacs' | 'viewMs'>;

const BYTES_PER_WEIGHT = 4;

/**
 * Cost of one view for each of several models that see the same views. Those that share a session run it once: the first pays for it,
 * the others only for their heads.
 */
export function viewCosts(models: readonly CostedModel[]): Cost[] {
  const paid = new Set<string>();
  return models.map(({ info, folder, gmacs, viewMs }) => {
    // Others see the same views, but make another tensor of them.
    const { color, scale, mean, std } = folder.manifest.preprocess;
    const session = JSON.stringify([info.session, color, scale, mean, std]);
    if (!paid.has(session)) {
      paid.add(session);
      return { gmacs, ms: viewMs };
    }
    // Each weight of a head is used once per view.
    const head = info.headBytes / BYTES_PER_WEIGHT / 1e9;
    return { gmacs: head, ms: head * NOMINAL_MS_PER_GMAC };
  });
}
