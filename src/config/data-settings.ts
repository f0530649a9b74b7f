import { MIB } from '../core/units.js';
import type { Setting } from './setting.js';

/** Settings of what is written while serving. */
export const DATA_SETTINGS = {
  dataDir: {
    env: 'MENAGERIE_DATA_DIR',
    type: 'text',
    default: 'menagerie-data',
    about:
      'Folder for what the server writes, made when it is needed: trained models in models/, which is a model directory too, and ' +
      'what training computes.',
  },
  featureCache: {
    env: 'MENAGERIE_FEATURE_CACHE',
    type: 'integer',
    minimum: MIB,
    maximum: 1024 * 1024 * MIB,
    unit: 'bytes',
    default: 2048 * MIB,
    about:
      'Room for features of pictures in MENAGERIE_DATA_DIR: another training on the same pictures computes none again.',
  },
} as const satisfies Record<string, Setting>;
