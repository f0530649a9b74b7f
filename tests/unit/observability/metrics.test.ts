import { expect, test } from 'vitest';
import type { ServedModel } from '../../../src/serving/models/model.js';
import { idleMetrics } from '../../support/metrics.js';

const info = { provider: 'cpu', fallback: undefined, layersOnCpu: [] };
const model = (id: string, variant: string) => ({ id, variant, version: 'v', info }) as unknown as ServedModel;

test('a model that is loaded in another variant has the series of that variant alone', async () => {
  const { serving, registry } = idleMetrics();
  const seriesOf = async (id: string) =>
    (await registry.metrics())
      .split('\n')
      .filter((line) => line.includes(`model="${id}"`) && line.includes('variant='));
  serving.modelLoaded(model('m', 'fp32'), 1000);
  serving.modelLoaded(model('other', 'fp32'), 1000);
  serving.modelLoaded(model('m', 'int8'), 500);
  expect(await seriesOf('m')).toEqual([
    'menagerie_model_info{model="m",variant="int8",provider="cpu",version="v"} 1',
    'menagerie_model_load_seconds{model="m",variant="int8"} 0.5',
  ]);
  expect(await seriesOf('other')).toHaveLength(2);
});
