import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFolder, writeTree } from '../support/model-folders.js';
import { until } from '../support/worker-script.js';

const SCRIPT = fileURLToPath(new URL('../../scripts/menagerie.mjs', import.meta.url));

/** A checkout in which preparing is done by this script. */
async function checkout(prepare: string) {
  const root = await temporaryFolder();
  await writeTree(root, { 'scripts/prepare.mjs': prepare, 'dist/main.js': "process.stdout.write('runs')" });
  const script = join(root, 'scripts/menagerie.mjs');
  await copyFile(SCRIPT, script);
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = Promise.all([once(child, 'exit'), text(child.stdout)]).then(([[code, signal], out]) => ({
    status: code ?? signal,
    out,
  }));
  return { root, child, ended };
}

describe('menagerie in a checkout', () => {
  it('runs once it is prepared, and not if that fails', async () => {
    expect(await (await checkout('')).ended).toEqual({ status: 0, out: 'runs' });
    expect(await (await checkout('process.exit(3)')).ended).toEqual({ status: 3, out: '' });
  });

  it.runIf(process.platform !== 'win32').each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'ended by %s while it is prepared leaves nothing running',
    async (signal) => {
      // As a compiler is run; one that ignores what it is told.
      const { root, child, ended } = await checkout(`
        import { spawnSync } from 'node:child_process';
        spawnSync('sh', ['-c', 'trap "" TERM INT HUP; echo $$ > pid.new && mv pid.new pid && sleep 60'], { cwd: new URL('..', import.meta.url) });
      `);
      const pid = async () => Number(await readFile(join(root, 'pid'), 'utf8').catch(() => '0'));
      await until(async () => (await pid()) > 0, 'the compiler to start');
      child.kill(signal);
      expect(await ended).toEqual({ status: signal, out: '' });
      const running = await pid();
      await until(() => {
        try {
          process.kill(running, 0);
          return false;
        } catch {
          return true;
        }
      }, 'the compiler to be gone');
    },
  );
});
