import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { run, serve } from '../support/process.js';

// What README.md shows is what happens.

const root = fileURLToPath(new URL('../..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/```(\w*)\n([\s\S]*?)```/g)].map(([, language, text]) => ({
  language,
  text: text as string,
}));
const commands = blocks
  .filter(({ language }) => language === 'sh')
  .flatMap(({ text }) => text.split('\n'))
  .map((line) => line.replace(/\s+#.*$/, '').trim());
const digit = join(root, 'models/golden/digit-7.png');

/** A value with every leaf replaced by its type, lists cut to their first entry. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (value === null || typeof value !== 'object') return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shapeOf(inner)]));
}

describe('README.md', () => {
  it('posts a digit and gets a reply of the form shown', async () => {
    const { url } = await serve();
    const command = commands.find((line) => line.startsWith('curl') && line.includes('model=lenet5')) ?? '';
    const [, field, address] = /-F (\w+)=@\S+ '?localhost:8080([^' ]+)'?/.exec(command) ?? [];
    const form = new FormData();
    form.append(field as string, new Blob([readFileSync(digit)]), 'digit.png');
    const response = await fetch(`${url}${address}`, { method: 'POST', body: form });
    const shown = JSON.parse(blocks.find(({ language }) => language === 'json')?.text ?? '');
    const reply = (await response.json()) as typeof shown;
    expect(shapeOf(reply)).toEqual(shapeOf(shown));
    expect(reply.results[0].predictions[0].label).toBe('7');
  });

  it('has only commands and options that exist', async () => {
    const lines = commands.filter((line) => line.startsWith('npx menagerie'));
    expect(lines.length).toBeGreaterThan(4);
    for (const line of lines) {
      // With --help every option is looked at, and nothing is done.
      const { status, out } = await run([...line.split(/\s+/).slice(2), '--help']);
      expect([line, status]).toEqual([line, 0]);
      expect(out).toContain('Usage: menagerie');
    }
    const scripts = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts;
    for (const [, name = ''] of readme.matchAll(/`?npm (?:run )?(start|test|[a-z]+[:-][a-z]+)\b/g)) {
      expect(Object.keys(scripts)).toContain(name);
    }
  });

  it('links to files that exist', () => {
    for (const [, target = ''] of readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
      expect([basename(target), readFileSync(join(root, target)).length > 0]).toEqual([basename(target), true]);
    }
  });

  it('shows the summary as it is', async () => {
    const shown = blocks.find(({ text }) => text.startsWith('$ npx menagerie summary lenet5'))?.text.split('\n') ?? [];
    const { out } = await run(['summary', 'lenet5']);
    for (const line of shown.slice(1).filter((text) => text !== '' && text !== '...')) expect(out).toContain(line);
  });
});
