import { expect, test } from 'vitest';
import { ModelList } from '../../../src/http/rest/models/model-list.js';
import type { ModelStatus } from '../../../src/serving/models/model.js';

/** A list that says when it was made, and waits to be let on. */
function start() {
  const open: (() => void)[] = [];
  const fails = { now: false };
  const list = new ModelList(async () => {
    const id = `look ${open.length + 1}`;
    await new Promise<void>((resolve) => open.push(resolve));
    if (fails.now) throw new Error('no');
    const status: ModelStatus = {
      id,
      ensemble: undefined,
      state: 'unloaded',
      reason: undefined,
      manifest: undefined,
      labels: [],
      pulled: [],
      served: undefined,
      lone: undefined,
    };
    return [status];
  });
  const idOf = (json: string) => (JSON.parse(json) as { models: { id: string }[] }).models[0]?.id;
  const ask = () => list.json().then(idOf);
  const begun = async (count: number) => {
    await new Promise((resolve) => setImmediate(resolve));
    expect(open).toHaveLength(count);
  };
  return { ask, open, begun, fails };
}

test('a list is made once for all who ask at a time, and anew for those who ask when it has begun', async () => {
  const { ask, open, begun } = start();
  const first = [ask(), ask()];
  await begun(1);
  const later = [ask(), ask(), ask()];
  await begun(1);
  open[0]?.();
  expect(await Promise.all(first)).toEqual(['look 1', 'look 1']);
  await begun(2);
  open[1]?.();
  expect(await Promise.all(later)).toEqual(['look 2', 'look 2', 'look 2']);
  const last = ask();
  await begun(3);
  open[2]?.();
  expect(await last).toBe('look 3');
});

test('a list that fails fails for those who wait for it only', async () => {
  const { ask, open, begun, fails } = start();
  const first = ask();
  await begun(1);
  const second = ask();
  fails.now = true;
  open[0]?.();
  await expect(first).rejects.toThrow('no');
  fails.now = false;
  await begun(2);
  open[1]?.();
  expect(await second).toBe('look 2');
});
