// Asks a menagerie server about pictures. Usage: node classify.ts picture.jpg [picture.png ...]
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const TRIES = 5;

interface Reply {
  results: {
    name?: string;
    predictions?: { index: number; label: string; score: number }[];
    error?: { code: string; detail: string };
  }[];
}

/**
 * The reply of the server for these pictures.
 * @param parameters those of POST /classify, such as `{ top_k: '3' }`
 */
export async function classify(url: string, files: File[], parameters: Record<string, string> = {}): Promise<Reply> {
  const form = new FormData();
  for (const [name, value] of Object.entries(parameters)) form.append(name, value);
  for (const file of files) form.append('image', file);
  for (let left = TRIES - 1; ; left--) {
    // No Content-Type: fetch knows the boundary of the form.
    const response = await fetch(`${url}/classify`, { method: 'POST', body: form });
    if (response.ok) return (await response.json()) as Reply;
    const { detail } = (await response.json()) as { detail: string };
    if (response.status !== 503 || left === 0) throw new Error(detail);
    const seconds = Number(response.headers.get('retry-after') ?? 1);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const url = process.env.MENAGERIE_URL ?? 'http://127.0.0.1:8080';
  const paths = process.argv.slice(2);
  const files = await Promise.all(paths.map(async (path) => new File([await readFile(path)], basename(path))));
  const { results } = await classify(url, files, { top_k: '3' });
  for (const { name, predictions = [], error } of results) {
    const best = predictions.map(({ label, score }) => `${label} ${score.toFixed(3)}`).join(', ');
    console.log(`${name}: ${error?.detail ?? best}`);
  }
}
