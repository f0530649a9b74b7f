import { openModels } from '../../../app/models-to-load.js';
import type { Config } from '../../../config/load-config.js';
import { variantsOf } from '../../../core/manifest/manifest.js';
import { formatBytes, table } from '../../../report/format.js';
import { isPulled, statedBytes } from '../../../zoo/weights.js';
import type { CommandIo, ExitCode } from '../../shared/io.js';

/** `menagerie list`: lists the models of the repository, and whether their weights are on this machine. */
export async function list(config: Config, options: { json: boolean }, io: CommandIo): Promise<ExitCode> {
  const { models, ensembles, refused } = await openModels(config);
  const networks = await Promise.all(
    [...models.values()].flatMap((model) =>
      variantsOf(model.manifest).map(async ([variant, facts]) => ({
        id: model.id,
        variant,
        title: model.manifest.title,
        dataset: model.manifest.dataset,
        bytes: statedBytes(facts) || null,
        top1: facts.top1 ?? null,
        pulled: await isPulled(model, facts),
        license: model.manifest.license,
      })),
    ),
  );
  const ensembleRows = [...ensembles.values()].map(({ id, ensemble: { title, members, top1 } }) => {
    const own = networks.filter((row) => members.some(({ model }) => model === row.id));
    const pulled = members.every(({ model }) => own.some((row) => row.id === model && row.pulled));
    const dataset = own[0]?.dataset ?? '';
    return { id, variant: 'ensemble', title, dataset, bytes: null, top1: top1 ?? null, pulled, license: '' };
  });
  const rows = [...networks, ...ensembleRows];
  const faults = refused.map(({ id, error }) => ({ id, code: error.code, reason: error.message }));
  if (options.json) {
    io.out.write(`${JSON.stringify({ models: rows, refused: faults }, null, 2)}\n`);
    return 0;
  }
  const header = ['MODEL', 'VARIANT', 'TITLE', 'DATASET', 'SIZE', 'TOP-1', 'WEIGHTS'];
  const lines = rows.map((row) => [
    row.id,
    row.variant,
    row.title,
    row.dataset,
    row.bytes === null ? '' : formatBytes(row.bytes),
    row.top1 === null ? '' : `${row.top1.toFixed(2)} %`,
    row.pulled ? 'here' : 'to pull',
  ]);
  io.out.write(table([header, ...lines], [4, 5]));
  for (const { id, reason } of faults) io.out.write(`\nRefused: ${id}: ${reason}\n`);
  return 0;
}
