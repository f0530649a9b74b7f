import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MenagerieError } from '../core/errors.js';
import { formatTuned, parseTuned, type Tuned } from '../core/manifest/tuning.js';
import { ioError } from '../system/errors.js';
import { RefusedFile } from '../system/regular-file.js';
import { writeWhole } from '../system/whole-file.js';
import { readSmallText } from './files.js';
import type { ModelFolder } from './repository.js';

const TUNED = 'tuned.json';
const MAX_TUNED_BYTES = 64 * 1024;

/** Path of the results of `menagerie tune` for a model. */
export function tunedFile({ folder }: ModelFolder): string {
  return join(folder, TUNED);
}

/**
 * Reads the results of `menagerie tune` for a model, on whatever machine it ran; undefined if it never ran.
 * @throws MenagerieError `invalid_manifest`, `io_error`
 */
export async function readTuned(model: ModelFolder): Promise<Tuned | undefined> {
  const file = tunedFile(model);
  const rules = { limit: MAX_TUNED_BYTES, faulty: 'invalid_manifest', inside: [model.folder, model.root] } as const;
  try {
    return parseTuned(await readSmallText(file, rules), file);
  } catch (error) {
    if (error instanceof MenagerieError && error.code === 'file_missing') return undefined;
    throw error;
  }
}

/**
 * Checks that the results of `menagerie tune` can be written, before minutes are spent on measuring.
 * @throws MenagerieError `io_error`
 */
export async function assertTunable(model: ModelFolder): Promise<void> {
  const file = tunedFile(model);
  try {
    await access(model.folder, constants.W_OK);
    const existing = await stat(file).catch(() => undefined);
    if (existing && !existing.isFile()) throw new RefusedFile('it is not a regular file');
  } catch (error) {
    throw ioError(`cannot write ${file}`, error);
  }
}

/** @throws MenagerieError `io_error` */
export async function writeTuned(model: ModelFolder, tuned: Tuned): Promise<void> {
  await writeWhole(tunedFile(model), async (handle) => handle.writeFile(formatTuned(tuned)));
}
