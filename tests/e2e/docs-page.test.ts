import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../support/model-folders.js';
import { startServer } from '../support/server.js';

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];
const browser = BROWSERS.find((name) => spawnSync(name, ['--version']).status === 0);

// What the server sends is an empty page and scripts; only a browser shows whether they work, under its own CSP.
it.skipIf(browser === undefined)(
  `/docs shows the interface in a browser${browser ? '' : ' (no chromium here)'}`,
  async () => {
    const { url } = await startServer();
    const { stdout: page } = await promisify(execFile)(
      browser as string,
      [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        `--user-data-dir=${await temporaryFolder()}`,
        '--virtual-time-budget=5000',
        '--dump-dom',
        `${url}/docs`,
      ],
      { timeout: 50_000, maxBuffer: 64 * 1024 * 1024, killSignal: 'SIGKILL' },
    );
    for (const path of ['/classify', '/models/{id}/load', '/readyz']) expect(page).toContain(`data-path="${path}"`);
    expect(page).not.toMatch(/Failed to load|Unable to render/);
  },
  60_000,
);
