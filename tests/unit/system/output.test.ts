import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BoundedOutput } from '../../../src/system/output.js';
import { temporaryFolder } from '../../support/model-folders.js';
import { until } from '../../support/worker-script.js';

const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;
const NOTE = /^(\d+) lost\n$/;

/** A pipe with a name, so that its reader can go and come back. */
async function pipe() {
  const path = join(await temporaryFolder(), 'pipe');
  execFileSync('mkfifo', [path]);
  const openReader = () => openSync(path, O_RDONLY | O_NONBLOCK);
  const reader = openReader();
  // Blocking, as a shell's pipe is.
  const writer = openSync(path, O_WRONLY);
  return { openReader, reader, writer };
}

/** What there is to read. */
function drain(reader: number): string {
  const piece = Buffer.alloc(1 << 16);
  let text = '';
  try {
    for (let n = -1; n !== 0; ) {
      n = readSync(reader, piece);
      text += piece.toString('utf8', 0, n);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
  return text;
}

describe('BoundedOutput', () => {
  it('writes every line once and in order, or says how many it dropped, whenever they are read', async () => {
    const { reader, writer } = await pipe();
    onTestFinished(() => [reader, writer].forEach(closeSync));
    const line = fc.integer({ min: 1, max: 30_000 });
    const steps = fc.array(fc.oneof(line, fc.constant('read' as const), fc.constant('wait' as const)), {
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const output = new BoundedOutput(writer, (lines) => `${lines} lost\n`, 100_000);
        let [seen, written] = ['', 0];
        for (const step of sequence) {
          if (step === 'read') seen += drain(reader);
          else if (step === 'wait') await sleep(1);
          else output.write(`${written++}:${'x'.repeat(step)}\n`);
        }
        const flushed = output.flush(20_000);
        let done = false;
        void flushed.then(() => {
          done = true;
        });
        await until(async () => {
          seen += drain(reader);
          return done;
        }, 'everything to be written');
        expect(await flushed).toBe(true);
        seen += drain(reader);

        const lines = seen.split(/(?<=\n)/).filter((text) => text !== '');
        const numbers = lines.filter((text) => !NOTE.test(text)).map((text) => Number(/^(\d+):x+\n$/.exec(text)?.[1]));
        expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
        const said = lines.reduce((sum, text) => sum + Number(NOTE.exec(text)?.[1] ?? 0), 0);
        expect(said).toBe(output.dropped);
        expect(new Set(numbers).size + said).toBe(written);
      }),
      { numRuns: 40 },
    );
  });

  it('lets no more bytes wait than it may, and counts the lines beyond', async () => {
    const { openReader, reader, writer } = await pipe();
    onTestFinished(() => closeSync(writer));
    closeSync(reader);
    const output = new BoundedOutput(writer, (lines) => `${lines} lost\n`, 1000);
    for (let i = 0; i < 100; i++) output.write(`${'x'.repeat(99)}\n`);
    expect(output.dropped).toBe(90);
    const other = openReader();
    onTestFinished(() => closeSync(other));
    expect(await output.flush(20_000)).toBe(true);
    expect(drain(other)).toBe(`${`${'x'.repeat(99)}\n`.repeat(10)}90 lost\n`);
  });

  it('gives up waiting for a reader after the time that it is given, and goes on when there is one again', async () => {
    const { openReader, reader, writer } = await pipe();
    onTestFinished(() => closeSync(writer));
    const output = new BoundedOutput(writer, (lines) => `${lines} lost\n`);
    output.write('first\n');
    expect(await output.flush(5000)).toBe(true);
    expect(drain(reader)).toBe('first\n');
    closeSync(reader);
    output.write('nobody reads\n');
    expect(await output.flush(50)).toBe(false);
    const other = openReader();
    onTestFinished(() => closeSync(other));
    expect(await output.flush(20_000)).toBe(true);
    expect(drain(other)).toBe('nobody reads\n');
  });
});
