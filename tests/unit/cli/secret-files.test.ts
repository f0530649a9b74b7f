import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withSecretFiles } from '../../../src/cli/shared/secret-files.js';
import { loadConfig } from '../../../src/config/load-config.js';
import { temporaryFolder } from '../../support/model-folders.js';

const KEY = 'a-key-for-this-test';

async function fileWith(text: string): Promise<string> {
  const file = join(await temporaryFolder(), 'key');
  await writeFile(file, text);
  return file;
}

describe('a secret in a file', () => {
  test('is read, without the line end that editors put behind it', async () => {
    const env = { MENAGERIE_ADMIN_KEY_FILE: await fileWith(`${KEY}\n`), PORT: '1' };
    expect(loadConfig(await withSecretFiles(env))).toMatchObject({ adminKey: KEY, port: 1 });
  });

  test('is held to the rules of its setting', async () => {
    const env = await withSecretFiles({ MENAGERIE_ADMIN_KEY_FILE: await fileWith('short') });
    expect(() => loadConfig(env)).toThrow(/^MENAGERIE_ADMIN_KEY: must be at least 16 characters without spaces$/);
  });

  test('may not be given twice', async () => {
    const env = { MENAGERIE_ADMIN_KEY_FILE: await fileWith(KEY), MENAGERIE_ADMIN_KEY: KEY };
    await expect(withSecretFiles(env)).rejects.toThrow('MENAGERIE_ADMIN_KEY_FILE: MENAGERIE_ADMIN_KEY is set too');
    expect(await withSecretFiles({ ...env, MENAGERIE_ADMIN_KEY: '' })).toEqual({ MENAGERIE_ADMIN_KEY: KEY });
  });

  test('must be there, be a file, and not be empty: the server would start without it', async () => {
    const folder = await temporaryFolder();
    for (const file of [join(folder, 'none'), folder, await fileWith(' \n'), await fileWith('x'.repeat(70_000))]) {
      await expect(withSecretFiles({ MENAGERIE_ADMIN_KEY_FILE: file })).rejects.toMatchObject({
        code: 'invalid_config',
        message: expect.stringContaining('MENAGERIE_ADMIN_KEY_FILE: '),
      });
    }
  });

  test('that is not named changes nothing, and only secrets have files', async () => {
    expect(await withSecretFiles({ MENAGERIE_ADMIN_KEY_FILE: '', A: 'b' })).toEqual({ A: 'b' });
    expect(() => loadConfig({ MENAGERIE_ADMIN_KEY_FILE: '/run/secrets/key' })).not.toThrow();
    expect(() => loadConfig({ MENAGERIE_CACHE_FILE: '/x' })).toThrow('MENAGERIE_CACHE_FILE: no such setting');
  });
});
