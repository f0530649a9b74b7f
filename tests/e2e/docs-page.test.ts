import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../support/model-folders.js';
import { startServer } from '../support/server.js';

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];
const browser = BROWSERS.find((name) => spawnSync(name, ['--version']).status === 0);

/** A proxy that serves what is at the port under a prefix. */
async function prefixed(port: number, prefix: string): Promise<number> {
  const proxy = createServer(({ url = '', headers }, response) => {
    const path = url.startsWith(`${prefix}/`) ? url.slice(prefix.length) : '/not-under-the-prefix';
    request({ port, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    }).end();
  });
  onTestFinished(() => void proxy.close());
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return (proxy.address() as AddressInfo).port;
}

// What the server sends is an empty page and scripts; only a browser shows whether they work, under its own CSP. It trusts an address
// such as 127.0.0.1 as it trusts https, so a name is asked.
it.skipIf(browser === undefined).each([
  ['by name', false],
  ['under a prefix', true],
])(
  `/docs shows the interface in a browser, %s${browser ? '' : ' (no chromium here)'}`,
  async (_where, proxied) => {
    const { port } = await startServer();
    const [asked, prefix] = proxied ? [await prefixed(port, '/zoo'), '/zoo'] : [port, ''];
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
        '--host-resolver-rules=MAP menagerie.test 127.0.0.1',
        `--user-data-dir=${await temporaryFolder()}`,
        '--virtual-time-budget=5000',
        '--dump-dom',
        `http://menagerie.test:${asked}${prefix}/docs`,
      ],
      { timeout: 50_000, maxBuffer: 64 * 1024 * 1024, killSignal: 'SIGKILL' },
    );
    for (const path of ['/classify', '/models/{id}/load', '/readyz']) expect(page).toContain(`data-path="${path}"`);
    // Requests of the page go to where the description says, relative to the description.
    expect(page).toContain('<option value="..">');
    expect(page).toContain(`value="http://menagerie.test:${asked}${prefix}/docs/json"`);
    expect(page).not.toMatch(/Failed to load|Unable to render/);
  },
  60_000,
);
