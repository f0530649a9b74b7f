// What bench-memory.mjs has measured, for docs/deployment.md.
import { readFileSync } from 'node:fs';
import { withSpread } from '../bench/figures.mjs';
import { measuredFile } from '../measure/measuring.mjs';

/** @import { Spread } from '../measure/statistics.mjs' */
/** @typedef {{ allocator: string, first_mb: Spread, peak_mb: Spread, after_mb: Spread, images_per_s: Spread, largest_per_s: Spread }} Row */

/** @returns {{ machine: string, node: string, pictures: number, rounds: number, rows: Row[] }} */
const figures = () => JSON.parse(readFileSync(measuredFile('memory'), 'utf8'));

export function memoryText() {
  const { machine, node, pictures, rounds } = figures();
  return (
    `Measured by \`node scripts/measure/bench-memory.mjs\` on ${machine} with Node ${node}: resident memory on two workers with\n` +
    `SqueezeNet and MobileNetV2 after the first eight photographs, at most while ${pictures} of 0.3 to 24 megapixels are answered,\n` +
    `eight at a time, and five seconds later; and pictures a second, of these and of 24 megapixels alone. Medians of ${rounds} rounds, in brackets the\nleast and the greatest.\n`
  );
}

/** @returns {{ header: string[], rows: unknown[][] }} */
export function memoryTable() {
  return {
    header: ['', 'First eight, MB', 'Most, MB', 'Afterwards, MB', 'Pictures a second', 'Of 24 megapixels'],
    rows: figures().rows.map(({ allocator, first_mb, peak_mb, after_mb, images_per_s, largest_per_s }) => [
      allocator,
      withSpread(first_mb),
      withSpread(peak_mb),
      withSpread(after_mb),
      withSpread(images_per_s),
      withSpread(largest_per_s),
    ]),
  };
}
