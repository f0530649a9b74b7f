import { execFile, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { classify } from '../../examples/classify.js';
import { serve } from '../support/process.js';

const example = (name: string) => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
const digit = fileURLToPath(new URL('../../models/golden/digit-7.png', import.meta.url));
const readme = fileURLToPath(new URL('../../examples/README.md', import.meta.url));
const has = (command: string) => spawnSync(command, ['--version']).status === 0;

async function run(command: string, args: string[], url: string): Promise<string> {
  const env = { ...process.env, MENAGERIE_URL: url };
  return (await promisify(execFile)(command, args, { env })).stdout;
}

it.skipIf(!has('curl'))('curl sends a picture in every way', async () => {
  const { url } = await serve({ MENAGERIE_MODELS: 'lenet5' });
  const out = await run('sh', [example('curl.sh'), digit], url);
  const replies = out.split('\n').filter((line) => line.startsWith('{'));
  const labels = replies.map((line) => {
    const { results } = JSON.parse(line) as { results: { predictions: { label: string }[] }[] };
    return results.map(({ predictions }) => predictions[0]?.label);
  });
  expect(labels).toEqual([['7'], ['7', '7'], ['7'], ['7'], ['7'], ['7']]);
});

it.skipIf(!has('python3'))('Python prints the classes of each picture, or what is wrong with it', async () => {
  const { url } = await serve({ MENAGERIE_MODELS: 'lenet5' });
  const out = await run('python3', [example('classify.py'), digit, readme], url);
  expect(out).toMatch(/^digit-7\.png: 7 0\.\d+, .*\nREADME\.md: This is not a picture but text\..*\n$/);
  const refused = await run('python3', [example('classify.py'), readme], url).catch((error: Error) => error.message);
  expect(refused).toContain('This is not a picture but text.');
});

it('TypeScript gets the classes of each picture', async () => {
  const { url } = await serve({ MENAGERIE_MODELS: 'lenet5' });
  const files = [new File([await readFile(digit)], 'digit.png'), new File(['no picture'], 'no.png')];
  const { results } = await classify(url, files, { top_k: '2' });
  expect(results.map(({ name, predictions, error }) => [name, predictions?.[0]?.label, error?.code])).toEqual([
    ['digit.png', '7', undefined],
    ['no.png', undefined, 'not_an_image'],
  ]);
  await expect(classify(url, files, { model: 'nobody' })).rejects.toThrow('There is no model "nobody"');
});

it.skipIf(!has('pwsh'))(`PowerShell prints the classes${has('pwsh') ? '' : ' (no pwsh here)'}`, async () => {
  const { url } = await serve({ MENAGERIE_MODELS: 'lenet5' });
  expect(await run('pwsh', ['-NoProfile', '-File', example('classify.ps1'), digit], url)).toMatch(
    /^digit-7\.png: 7 0\.\d+/,
  );
});
