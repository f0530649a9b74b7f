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
  /** Does what the first command shown with this picture does. */
  const post = async (url: string, name: string, file = join(root, name)) => {
    const command = commands.find((line) => line.startsWith('curl') && line.includes(`@${name}`)) ?? '';
    const [, field, address] = /-F (\w+)=@\S+ '?localhost:8080([^' ]+)'?/.exec(command) ?? [];
    const form = new FormData();
    form.append(field as string, new Blob([readFileSync(file)]), basename(name));
    const response = await fetch(`${url}${address}`, { method: 'POST', body: form });
    return (await response.json()) as { results: { predictions: { label: string; score: number }[] }[] };
  };

  it('posts its photograph and a digit, and gets the answers shown', { timeout: 60_000 }, async () => {
    const { url } = await serve({ MENAGERIE_MODELS: 'lenet5,efficientnet-lite' });
    const shown = JSON.parse(blocks.find(({ language }) => language === 'json')?.text ?? '');
    const reply = await post(url, 'samples/coffee.jpg');
    expect(shapeOf(reply)).toEqual(shapeOf(shown));
    const [best] = reply.results[0]?.predictions ?? [];
    expect(best?.label).toBe(shown.results[0].predictions[0].label);
    // Processors differ a little in int8.
    expect(best?.score).toBeCloseTo(shown.results[0].predictions[0].score, 1);
    expect((await post(url, 'digit.png', digit)).results[0]?.predictions[0]?.label).toBe('7');
  });

  it('shows a photograph that is small, and that the networks must know before they serve', () => {
    const sample = readFileSync(join(root, 'samples/coffee.jpg'));
    expect(sample.length).toBeLessThan(100_000);
    expect(sample.equals(readFileSync(join(root, 'models/golden/coffee.jpg')))).toBe(true);
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
