import type { Setting } from '../../config/setting.js';
import { SETTINGS } from '../../config/settings.js';
import { MenagerieError } from '../../core/errors.js';
import { reasonOf } from '../../system/errors.js';
import { readRegular } from '../../system/regular-file.js';

const MAX_SECRET_BYTES = 64 * 1024;

/**
 * The environment with secrets read from the files that `<NAME>_FILE` variables name, as container platforms mount them. White space
 * around the content is dropped.
 * @throws MenagerieError `invalid_config` where both the variable and its file are given, or the file cannot be read
 */
export async function withSecretFiles(
  env: Readonly<Record<string, string | undefined>>,
): Promise<Record<string, string | undefined>> {
  const read: Record<string, string | undefined> = { ...env };
  for (const setting of Object.values<Setting>(SETTINGS)) {
    const variable = `${setting.env}_FILE`;
    const file = env[variable];
    if (setting.type !== 'text' || !setting.secret || file === undefined) continue;
    delete read[variable];
    if (file.trim() === '') continue;
    if (env[setting.env]) throw invalid(variable, `${setting.env} is set too; only one of them can be`);
    read[setting.env] = await secretIn(file, variable);
  }
  return read;
}

async function secretIn(file: string, variable: string): Promise<string> {
  let text: string;
  try {
    text = (await readRegular(file, MAX_SECRET_BYTES, 'invalid_config')).toString('utf8').trim();
  } catch (error) {
    throw invalid(variable, `cannot read ${file}: ${reasonOf(error)}`);
  }
  // An empty variable counts as not set; an empty secret is a mistake that would leave the server without one.
  if (text === '') throw invalid(variable, `${file} is empty`);
  return text;
}

function invalid(variable: string, what: string): MenagerieError {
  return new MenagerieError('invalid_config', `${variable}: ${what}`);
}
