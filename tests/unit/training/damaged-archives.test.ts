import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MenagerieError } from '../../../src/core/errors.js';
import { unpackArchive } from '../../../src/training/receiving/unpack-archive.js';
import { type Member, tarOf, zipOf } from '../../support/archives.js';
import { temporaryFolder } from '../../support/model-folders.js';

const MEMBERS: Member[] = [
  { name: 'a/1.jpg', data: 'x'.repeat(700) },
  { name: 'a/2.jpg' },
  { name: 'b/', type: '5', mode: 0o040755 },
  { name: 'b/3.jpg', data: 'z' },
];
const tar = tarOf(...MEMBERS);

// Whatever a stranger sends: it is unpacked into its folder, or refused with a code that is meant for it, and it ends.
describe.each([
  ['zip', zipOf(...MEMBERS)],
  ['tar', tar],
  ['tar.gz', gzipSync(tar)],
])('a damaged %s', (_kind, whole) => {
  test('is unpacked or refused', async () => {
    const root = await temporaryFolder();
    let round = 0;
    const change = fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255) });
    const damages = fc.record({
      changes: fc.array(change, { minLength: 1, maxLength: 4 }),
      length: fc.nat(whole.length),
    });
    await fc.assert(
      fc.asyncProperty(damages, fc.boolean(), async ({ changes, length }, cut) => {
        const bytes = Buffer.from(whole.subarray(0, cut ? length : whole.length));
        for (const { at, byte } of changes) if (at < bytes.length) bytes[at] = byte;
        const folder = join(root, `round-${round++}`);
        await mkdir(join(folder, 'set'), { recursive: true });
        await writeFile(join(folder, 'archive'), bytes);
        const limits = { bytes: 1e6, maxBytes: 1e5 };
        const unpacked = unpackArchive(
          join(folder, 'archive'),
          join(folder, 'set'),
          limits,
          new AbortController().signal,
        );
        const outcome = await unpacked.catch((error: unknown) => error);
        if (outcome instanceof Error) {
          expect(outcome).toBeInstanceOf(MenagerieError);
          expect(['invalid_data', 'too_many_bytes']).toContain((outcome as MenagerieError).code);
        }
        expect(await readdir(folder)).toEqual(['archive', 'set']);
      }),
      { numRuns: 300 },
    );
    expect((await readdir(root)).length).toBe(round);
  });
});
