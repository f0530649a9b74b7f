import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { resolveDataFolder } from '../../../src/training/pictures/data-folder.js';
import { temporaryFolder } from '../../support/model-folders.js';

test('a folder below the data folder is found, also through links that stay inside', async () => {
  const outer = await temporaryFolder();
  const data = join(outer, 'data');
  await mkdir(join(data, 'pets/train'), { recursive: true });
  await mkdir(join(outer, 'data-of-others'));
  await writeFile(join(data, 'file'), 'x');
  await symlink('pets', join(data, 'inside'));
  await symlink(data, join(outer, 'link'));
  await symlink('../data-of-others', join(data, 'outside'));
  await symlink('.', join(data, 'itself'));
  for (const name of ['pets', './pets/', 'inside']) {
    expect(await resolveDataFolder(data, name)).toBe(join(data, 'pets'));
    expect(await resolveDataFolder(join(outer, 'link'), name)).toBe(join(data, 'pets'));
  }
  const refused = [
    '',
    '.',
    '..',
    'pets/..',
    '../data-of-others',
    '../data/pets',
    'outside',
    'itself',
    'file',
    'gone',
    `${data}/pets`,
  ];
  for (const name of [...refused, '/etc', 'a\0b', 'x'.repeat(2000), 'x/'.repeat(600)]) {
    const found = resolveDataFolder(data, name);
    await expect(found, name).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('There is no folder'),
    });
  }
  await expect(resolveDataFolder(join(outer, 'gone'), 'pets')).rejects.toMatchObject({ code: 'invalid_request' });
});
