import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryFolder, writeTree } from '../support/model-folders.js';
import { until } from '../support/worker-script.js';

const ENTRY_POINT = fileURLToPath(new URL('../../deploy/docker/entrypoint.sh', import.meta.url));
const IMAGE = {
  'models.image/a/manifest.json': 'manifest',
  'models.image/a/a.onnx': 'weights'.repeat(1000),
  'models.image/labels/digits.txt': '0\n1\n',
};
const FILES = Object.entries(IMAGE).map(([name, content]) => [name.replace('models.image/', ''), content] as const);

/** What the image holds, in another place, with a `node` that only says how it was called. */
async function image(volume: Parameters<typeof writeTree>[1] = {}) {
  const root = await temporaryFolder();
  await writeTree(root, { ...IMAGE, 'bin/node': '#!/bin/sh\necho "node $*"\n' });
  await mkdir(join(root, 'models'));
  await writeTree(join(root, 'models'), volume);
  await chmod(join(root, 'bin/node'), 0o755);
  await copyFile(ENTRY_POINT, join(root, 'entrypoint.sh'));
  /** @param before what the shell does first */
  const begin = (before = ':') => {
    const env = { PATH: `${join(root, 'bin')}${delimiter}${process.env.PATH}` };
    return spawn('sh', ['-c', `${before}; exec sh "$0" serve`, join(root, 'entrypoint.sh')], { env });
  };
  const start = async (before?: string) => {
    const child = begin(before);
    const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    return { status, out, err };
  };
  const models = (name: string) => readFile(join(root, 'models', name), 'utf8');
  const temporary = async () => (await readdir(join(root, 'models'))).filter((name) => name.startsWith('.'));
  const started = `node --disable-sigusr1 ${join(root, 'dist/main.js')} serve\n`;
  return { root, begin, start, models, temporary, started };
}

describe('the entry point of the image', () => {
  it('fills an empty volume, and brings an older one up to date without touching what was pulled', async () => {
    for (const volume of [{}, { 'a/manifest.json': 'older', 'b/b.onnx': 'pulled' }]) {
      const { start, models, temporary, started } = await image(volume);
      expect(await start()).toEqual({ status: 0, out: started, err: '' });
      for (const [name, content] of FILES) expect(await models(name)).toBe(content);
      if ('b/b.onnx' in volume) expect(await models('b/b.onnx')).toBe('pulled');
      expect(await temporary()).toEqual([]);
    }
  });

  it('starts with what is there where the volume is full, says so, and leaves nothing', async () => {
    const { start, models, temporary, started } = await image({ 'a/manifest.json': 'older' });
    // No file may have more than 512 bytes: the copy of the weights ends like one on a full disk.
    const { status, out, err } = await start('ulimit -f 1');
    expect([status, out]).toEqual([0, started]);
    expect(err).toMatch(/^menagerie: 1 files .*starting with what is there\n$/);
    expect(await models('a/manifest.json')).toBe('manifest');
    await expect(models('a/a.onnx')).rejects.toThrow('ENOENT');
    expect(await temporary()).toEqual([]);
  });

  it('removes what it left when it was killed, and what others left long ago, and no more', async () => {
    const { root, start, models, temporary } = await image({ '.new-abcdef/file': 'half', '.new-other': 'at work' });
    await writeFile(join(root, `models/.new-${hostname()}`), 'half');
    const longAgo = new Date(Date.now() - 3 * 24 * 3600 * 1000);
    await utimes(join(root, 'models/.new-abcdef'), longAgo, longAgo);
    expect((await start()).status).toBe(0);
    expect(await temporary()).toEqual(['.new-other']);
    for (const [name, content] of FILES) expect(await models(name)).toBe(content);
  });

  it('ends at SIGTERM while it copies', async () => {
    const { root, begin, temporary } = await image();
    // A copy that takes its time, and says that it has begun.
    await writeFile(join(root, 'bin/cp'), `#!/bin/sh\necho half > "$2"; touch ${root}/copying; sleep 1\n`);
    await chmod(join(root, 'bin/cp'), 0o755);
    const child = begin();
    await until(async () => (await readdir(root)).includes('copying'), 'the copy to begin');
    child.kill('SIGTERM');
    const [out, [status]] = await Promise.all([text(child.stdout), once(child, 'close')]);
    expect([status, out]).toEqual([143, '']);
    expect(await temporary()).toEqual([]);
  });
});
