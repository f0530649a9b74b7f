// What the measuring scripts share: running menagerie, and keeping figures in docs/measured.
import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../menagerie.mjs', import.meta.url));
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** This machine, in words. */
export const MACHINE = `${availableParallelism()} cores of ${cpus()[0]?.model.trim()}`;

/** The file of docs/measured that holds the figures called `name`. @param {string} name */
export const measuredFile = (name) => fileURLToPath(new URL(`../../docs/measured/${name}.json`, import.meta.url));

/** The figures called `name`. @param {string} name */
export const readMeasured = (name) => JSON.parse(readFileSync(measuredFile(name), 'utf8'));

/** Writes figures, whole or not at all. @param {string} name @param {object} figures */
export function keepFigures(name, figures) {
  const file = measuredFile(name);
  writeFileSync(`${file}.partial`, `${JSON.stringify(figures, null, 2)}\n`);
  renameSync(`${file}.partial`, file);
}

/** Options of `menagerie eval`. @param {string} data folder of pictures @param {string | undefined} limit how many of them */
export const dataOptions = (data, limit) => ['--data', data, ...(limit === undefined ? [] : ['--limit', limit])];

/** What a command says with --json. @param {string[]} args @param {Record<string, string>} settings */
export function menagerie(args, settings = {}) {
  const text = execFileSync(process.execPath, [MAIN, ...args, '--json'], {
    env: { ...process.env, ...settings },
    encoding: 'utf8',
    maxBuffer: MAX_OUTPUT_BYTES,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(text);
}
