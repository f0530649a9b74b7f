import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder, writeTree } from '../support/model-folders.js';
import { run, serve } from '../support/process.js';

// FIFOs, on which whoever opens or reads them waits for ever.

const seven = await readFile(new URL('../../models/golden/digit-7.png', import.meta.url));

async function folderWith(files: Parameters<typeof writeTree>[1], ...fifos: string[]): Promise<string> {
  const root = await temporaryFolder();
  await writeTree(root, files);
  for (const name of fifos) execFileSync('mkfifo', [join(root, name)]);
  return root;
}

describe('what is no regular file', () => {
  it('is named by classify and eval, which do the rest', async () => {
    const root = await folderWith({ '7/a.png': seven }, '7/b.png');
    const classified = await run(['classify', '-m', 'lenet5', '--csv', root]);
    expect(classified.status).toBe(1);
    expect(classified.err).toContain('1 of 2 files could not be classified');
    expect(classified.out).toMatch(/a\.png,1,7,7,/);
    expect(classified.out).toMatch(/b\.png,,,,,io_error/);
    const evaluated = await run(['eval', 'lenet5', '--data', root, '--json']);
    expect(evaluated.status).toBe(1);
    expect(JSON.parse(evaluated.out)).toMatchObject({
      failed: [{ file: '7/b.png', code: 'io_error', detail: expect.stringContaining('it is a FIFO') }],
    });
  });

  it('is named by the other commands', async () => {
    const root = await folderWith({}, 'a.onnx', 'list.csv');
    const ends = await Promise.all([
      run(['summary', join(root, 'a.onnx')]),
      run(['eval', 'lenet5', '--data', join(root, 'list.csv')]),
      run(['architecture', 'lenet5', '--out', join(root, 'a.onnx')]),
    ]);
    for (const { status, err } of ends) {
      expect(status).toBe(1);
      expect(err).toMatch(/^\S.* \[\w+\]\n$/);
      expect(err).toContain(root);
    }
  });

  it('costs a server one model, and it ends as ever', async () => {
    const root = await folderWith({ 'odd/labels.txt': 'one' }, 'odd/manifest.json');
    const server = await serve({ MODEL_DIRS: root });
    const { reason } = (await (await fetch(`${server.url}/models/odd`)).json()) as { reason: string };
    expect(reason).toContain('it is a FIFO, not a regular file');
    server.child.kill('SIGTERM');
    expect((await server.ended).status).toBe(0);
  });
});
