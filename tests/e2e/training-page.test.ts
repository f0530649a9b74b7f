import { execFile, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { thumbnail } from '../../src/imaging/thumbnail.js';
import { trainingHtml } from '../../src/report/training/training-html.js';
import { thumbnailUrl } from '../../src/training/report/report-parts.js';
import { temporaryFolder } from '../support/model-folders.js';
import { fullReport } from '../support/training-reports.js';

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];
const browser = BROWSERS.find((name) => spawnSync(name, ['--version']).status === 0);

// The page forbids everything but its own style and pictures. Only a browser shows whether it forbids these too.
it.skipIf(browser === undefined).each([
  ['wide', 1000],
  ['as narrow as a phone', 400],
])(
  `the page of a training shows its pictures, its style and its curve in a browser, %s${browser ? '' : ' (no chromium here)'}`,
  async (_what, width) => {
    const folder = await temporaryFolder();
    const magenta = await sharp({ create: { width: 90, height: 90, channels: 3, background: '#ff00ff' } })
      .png()
      .toBuffer();
    const report = fullReport(['ants', '犬'], ['ants/1.jpg', 'ants/<b>.jpg']);
    const small = thumbnailUrl(await thumbnail(magenta, true, { maxPixels: 10_000 }));
    for (const picture of report.suspicious.listed) picture.thumbnail = small;
    await writeFile(join(folder, 'page.html'), trainingHtml(report));
    const { stderr } = await promisify(execFile)(
      browser as string,
      [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--enable-logging=stderr',
        `--user-data-dir=${await temporaryFolder()}`,
        `--window-size=${width},5000`,
        `--screenshot=${join(folder, 'page.png')}`,
        pathToFileURL(join(folder, 'page.html')).href,
      ],
      { timeout: 50_000, maxBuffer: 64 * 1024 * 1024, killSignal: 'SIGKILL' },
    );
    expect(stderr).not.toMatch(/CONSOLE/);
    const { data, info } = await sharp(join(folder, 'page.png'))
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const pixels = { magenta: 0, blue: 0, red: 0 };
    for (let i = 0; i < data.length; i += info.channels) {
      const [r = 0, g = 0, b = 0] = data.subarray(i, i + 3);
      if (r > 240 && g < 15 && b > 240) pixels.magenta++;
      if (r === 0x4a && g === 0x86 && b === 0xc8) pixels.blue++;
      if (r === 0xc0 && g === 0x39 && b === 0x2b) pixels.red++;
    }
    // The pictures answered wrongly are the same ones: two of them twice. Bars and curve are blue, the base rate and the warnings red.
    expect(pixels.magenta).toBeGreaterThan(4 * 80 * 80);
    expect(pixels.blue).toBeGreaterThan(1000);
    expect(pixels.red).toBeGreaterThan(100);
  },
  60_000,
);
