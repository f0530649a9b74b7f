import { concatenated } from '../../core/concatenate.js';
import { toUnitRows } from '../../core/features/cosine.js';
import type { Similar } from '../../core/features/highest.js';
import { table } from '../../report/format.js';
import { type CommandIo, type ExitCode, writeOut } from '../shared/io.js';
import { ProgressBar } from '../shared/progress.js';
import type { StoredFeatures, UnitRows } from './feature-table.js';
import { closestPairs, nearestRows } from './search.js';

/** A name and the features behind it. */
export interface NamedFeatures {
  file: string;
  features: Float32Array;
}

/** Prints the most similar rows for each picture, without the row of the picture itself. @param top how many */
export async function tellNearest(
  queries: readonly NamedFeatures[],
  rows: StoredFeatures,
  { top, json }: { top: number; json: boolean },
  io: CommandIo,
): Promise<void> {
  if (queries.length === 0) return;
  const unit = concatenated(queries.map(({ features }) => features));
  toUnitRows(unit, rows.size);
  const found = await nearestRows(rows, unit, top + 1, io.signal);
  const names = await rows.names(new Set(found.flatMap(({ items }) => items.map(({ item }) => item))));
  for (const [i, { file }] of queries.entries()) {
    const named = (found[i]?.items ?? []).map(({ similarity, item }) => ({ file: names.get(item) ?? '', similarity }));
    const others = named.filter((each) => each.file !== file).slice(0, top);
    const lines = others.map((each) => [`  ${each.similarity.toFixed(4)}`, each.file]);
    await writeOut(io, json ? `${JSON.stringify({ file, similar: others })}\n` : `${file}\n${table(lines)}`);
  }
}

/** Prints the pairs that are similar enough, the most similar first. */
export async function tellPairs(
  rows: UnitRows,
  namesOf: (indices: ReadonlySet<number>) => Promise<ReadonlyMap<number, string>>,
  { min, most, json }: { min: number; most: number; json: boolean },
  io: CommandIo,
): Promise<ExitCode> {
  const bar = new ProgressBar(io.err, 'comparing');
  const pairs = await closestPairs(rows, { min, most }, io.signal, (part) =>
    bar.update(Math.round(1000 * part), 1000, ''),
  );
  bar.clear();
  const names = await namesOf(new Set(pairs.items.flatMap(({ item }) => item)));
  const files = ({ item }: Similar<readonly [number, number]>) => item.map((index) => names.get(index) ?? '');
  if (json) {
    for (const pair of pairs.items) {
      await writeOut(io, `${JSON.stringify({ similarity: pair.similarity, files: files(pair) })}\n`);
    }
  } else await writeOut(io, table(pairs.items.map((pair) => [pair.similarity.toFixed(4), ...files(pair)])));
  const { length } = pairs.items;
  const more = pairs.dropped > 0 ? ` The first ${length} are shown; see --limit.` : '';
  io.err.write(`${length + pairs.dropped} pairs of ${rows.count} pictures have a cosine of at least ${min}.${more}\n`);
  return 0;
}
