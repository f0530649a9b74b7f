import { join } from 'node:path';
import { parseTuned, type Tuned } from '../core/tuning.js';
import { fileSize, readSmallText, writeWhole } from './files.js';
import type { ModelFolder } from './repository.js';

const TUNED = 'tuned.json';
const MAX_TUNED_BYTES = 64 * 1024;

/** Where what `menagerie tune` finds for a model lies. */
export function tunedFile({ folder }: ModelFolder): string {
  return join(folder, TUNED);
}

/**
 * What `menagerie tune` found for a model, whatever machine that was on; undefined if it never ran.
 * @throws MenagerieError `invalid_manifest`, `io_error`
 */
export async function readTuned(model: ModelFolder): Promise<Tuned | undefined> {
  const file = tunedFile(model);
  if ((await fileSize(file)) === undefined) return undefined;
  return parseTuned(await readSmallText(file, MAX_TUNED_BYTES, 'invalid_manifest'), file);
}

/** @throws MenagerieError `io_error` */
export async function writeTuned(model: ModelFolder, tuned: Tuned): Promise<void> {
  await writeWhole(tunedFile(model), async (handle) => handle.writeFile(`${JSON.stringify(tuned, null, 2)}\n`));
}
