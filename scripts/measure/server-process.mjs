// The server as users start it, as a child process, for measurements.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { pidOf } from '../shared/processes.mjs';

const MAIN = join(dirname(fileURLToPath(import.meta.url)), '../../dist/main.js');

/**
 * Starts it on a free port and waits until it is ready.
 * @param {Record<string, string>} settings
 * @param {string} main the program, if it is not that of this checkout
 * @param {'inherit' | 'ignore'} output where its standard output goes
 */
export async function startServer(settings, main = MAIN, output = 'inherit') {
  const env = { ...process.env, HOST: '127.0.0.1', PORT: '0', MENAGERIE_LOG_LEVEL: 'error', ...settings };
  const child = spawn(process.execPath, [main, 'serve'], { env, stdio: ['ignore', output, 'pipe'] });
  const pid = pidOf(child);
  /** @type {string} */
  const address = await new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
    createInterface(child.stderr).on('line', (line) => {
      const [, found] = /listens on (\S+)/.exec(line) ?? [];
      if (found) resolve(found);
    });
  });
  for (;;) {
    if ((await fetch(`${address}/readyz`)).ok) return Object.assign(child, { address, pid });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
