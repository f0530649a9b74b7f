import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { codeOf, postPicture } from '../support/http-client.js';
import { serve } from '../support/process.js';

const SEVEN = readFileSync(fileURLToPath(new URL('../../models/golden/digit-7.png', import.meta.url)));

it('pictures are decoded in memory, however large: nothing is written to the disk', { timeout: 60_000 }, async () => {
  // Beyond 100 MB of pixels libvips would put those of some formats into a file there.
  const { url } = await serve({ TMPDIR: '/nonexistent', MENAGERIE_MODELS: 'lenet5' });
  const large = sharp({ create: { width: 6200, height: 6200, channels: 3, background: '#fff' } }).composite([
    { input: SEVEN, left: 3000, top: 3000 },
  ]);
  for (const format of ['webp', 'gif', 'png', 'jpeg', 'tiff'] as const) {
    const bytes = await large
      .clone()
      .toFormat(format, format === 'tiff' ? { compression: 'lzw' } : {})
      .toBuffer();
    const reply = await postPicture(url, new Uint8Array(bytes), { query: 'model=lenet5' });
    expect([format, reply.status, reply.status === 200 ? '' : await codeOf(reply)]).toEqual([format, 200, '']);
  }
});
