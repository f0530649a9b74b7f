import { MIB } from '../core/units.js';
import type { Setting } from './setting.js';

/** Settings of what is written while serving: a part of the table in settings.ts. */
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
  trainingBytes: {
    env: 'MENAGERIE_TRAINING_BYTES',
    type: 'integer',
    minimum: MIB,
    maximum: 1024 * 1024 * MIB,
    unit: 'bytes',
    default: 4096 * MIB,
    about: 'Largest set of pictures for a training that is sent to the server, as it is sent and as it is unpacked.',
  },
  trainingTimeoutMs: {
    env: 'MENAGERIE_TRAINING_TIMEOUT_MS',
    type: 'integer',
    minimum: 1000,
    maximum: 86_400_000,
    unit: 'ms',
    default: 3_600_000,
    about: 'Longest time for such a set to arrive. The least rate is that of other uploads.',
  },
} as const satisfies Record<string, Setting>;
