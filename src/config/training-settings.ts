import { MIB } from '../core/units.js';
import type { Setting } from './setting.js';

/** The settings for training: a part of the table in settings.ts. */
export const TRAINING_SETTINGS = {
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
