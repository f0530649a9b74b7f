// What bench-memory.mjs has measured, for docs/deployment.md.
import { withSpread } from '../bench/figures.mjs';
import { readMeasured } from '../measure/measuring.mjs';
import { paragraph } from './markdown.mjs';

/** @import { Spread } from '../measure/statistics.mjs' */
/** @typedef {{ allocator: string, first_mb: Spread, peak_mb: Spread, after_mb: Spread, images_per_s: Spread, largest_per_s: Spread }} Row */

/** @returns {{ machine: string, node: string, pictures: number, rounds: number, rows: Row[] }} */
const figures = () => readMeasured('memory');

export function memoryText() {
  const { machine, node, pictures, rounds } = figures();
  return paragraph(
    `Measured by \`node scripts/measure/bench-memory.mjs\` on ${machine} with Node ${node}. Two workers hold SqueezeNet and ` +
      `MobileNetV2, and answer ${pictures} photographs of 0.3 to 24 megapixels, eight at a time. The table shows the resident memory ` +
      'after the first eight, at most, and five seconds after the last. It shows the pictures a second, of these photographs and of ' +
      `24 megapixels alone. Figures are medians of ${rounds} rounds, with the least and the greatest in brackets.`,
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
