import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { answers, type ClassifyReply, codeOf, formOf, metric, postPicture } from '../support/http-client.js';
import { manifestOf } from '../support/model-folders.js';
import { ADMIN_KEY, startServer } from '../support/server.js';
import { instructPng, until } from '../support/worker-script.js';

interface ModelReply {
  id: string;
  state: string;
  reason: string | null;
  serving: { version: string } | null;
}

function client({ url }: { url: string }) {
  const change = (id: string, what: 'load' | 'unload') =>
    fetch(`${url}/models/${id}/${what}`, { method: 'POST', headers: { authorization: `Bearer ${ADMIN_KEY}` } });
  const model = async (id = 'm') => (await (await fetch(`${url}/models/${id}`)).json()) as ModelReply;
  const readyz = async () => (await fetch(`${url}/readyz`)).status;
  return { change, model, readyz };
}

describe('loading and unloading over HTTP', () => {
  it('takes a model through its states, and /readyz with it', async () => {
    const server = await startServer({ models: { m: { load: 'hold' } }, load: [] });
    const { change, model, readyz } = client(server);
    const { weights, url, folder } = server;
    expect([await readyz(), (await model()).state]).toEqual([503, 'unloaded']);

    const loading = change('m', 'load');
    await until(async () => (await model()).state === 'loading', 'the load to begin');
    expect(await readyz()).toBe(503);
    weights.m?.open('load');
    const loaded = await loading;
    expect([loaded.status, ((await loaded.json()) as ModelReply).state]).toEqual([200, 'ready']);
    expect(await readyz()).toBe(200);
    expect(await metric(url, 'menagerie_model_state', { model: 'm', state: 'ready' })).toBe(1);
    expect(await metric(url, 'menagerie_model_state', { model: 'm' })).toBe(1);

    expect((await change('m', 'unload')).status).toBe(200);
    expect([await readyz(), (await model()).state]).toEqual([503, 'unloaded']);
    expect(weights.m?.log.at(-1)).toBe('unload');
    const refused = await postPicture(url, await instructPng('answer'));
    expect([refused.status, await codeOf(refused)]).toEqual([409, 'model_not_loaded']);
    expect(await metric(url, 'menagerie_model_info')).toBe(0);

    weights.m?.script({ load: 'fail' });
    expect((await change('m', 'load')).status).toBe(500);
    const failed = await model();
    expect([failed.state, await readyz()]).toEqual(['failed', 503]);
    // The reason names the file, but not where it lies.
    expect(failed.reason).toContain('m.onnx');
    expect(failed.reason).not.toContain(folder);

    weights.m?.script({});
    expect((await change('m', 'load')).status).toBe(200);
    expect(await readyz()).toBe(200);
  });

  it('refuses a network whose answers do not fit its labels', async () => {
    const server = await startServer({ models: { m: { classes: 7 } }, load: [] });
    const reply = await client(server).change('m', 'load');
    expect([reply.status, await codeOf(reply)]).toEqual([500, 'signature_mismatch']);
    expect(server.weights.m?.log.at(-1)).toBe('unload');
  });

  it('refuses a network that answers its golden picture wrongly', async () => {
    const golden = await instructPng('answer', 4);
    const server = await startServer({
      models: { m: {}, wrong: {} },
      files: {
        'm/golden.png': golden,
        'm/manifest.json': manifestOf('m', { golden: { image: './golden.png', index: 4, within: 1 } }),
        'wrong/golden.png': golden,
        'wrong/manifest.json': manifestOf('wrong', { golden: { image: './golden.png', index: 5, within: 1 } }),
      },
      load: ['m'],
    });
    const { change, model } = client(server);
    expect((await model()).state).toBe('ready');
    const reply = await change('wrong', 'load');
    expect([reply.status, await codeOf(reply)]).toEqual([500, 'golden_mismatch']);
    expect((await model('wrong')).state).toBe('failed');
    expect(server.weights.wrong?.log.at(-1)).toBe('unload');
  });

  it('waits with unloading for what is being answered', async () => {
    const server = await startServer();
    const { change, model } = client(server);
    const { url, weights } = server;
    const ask = async (png: Promise<Buffer<ArrayBuffer>>) => answers(await postPicture(url, await png));
    const running = ask(instructPng('hold', 1));
    await weights.m?.untilBegun(1);
    const queued = ask(instructPng('answer', 2));
    await until(() => server.admission.pending === 2, 'both to be accepted');
    const unloading = change('m', 'unload');
    await until(async () => (await model()).state === 'draining', 'the unload to begin');
    expect((await postPicture(url, await instructPng('answer'))).status).toBe(409);
    expect(await codeOf(await change('m', 'load'))).toBe('model_busy');
    weights.m?.open(1);
    expect(await Promise.all([running, queued])).toEqual([[1], [2]]);
    expect((await unloading).status).toBe(200);
    expect(weights.m?.log.slice(-1)).toEqual(['unload']);
    // What ran while the model drained counts.
    expect(await metric(url, 'menagerie_executions_total', { model: 'm' })).toBe(2);
  });
});

describe('loading anew', () => {
  it('under traffic fails no request and mixes no answers', async () => {
    const server = await startServer({ workers: 2 });
    const { change } = client(server);
    const { url, weights } = server;
    const versionOf = new Map<string, number>();
    let [going, answered, picture] = [true, 0, 0];
    const traffic = Array.from({ length: 6 }, async () => {
      while (going) {
        const sent = picture++ % 10;
        const reply = await postPicture(url, await instructPng('answer', sent));
        expect(reply.status).toBe(200);
        const { model, results } = (await reply.json()) as ClassifyReply;
        // Every version of the weights adds something of its own to the class it answers.
        const offset = ((results[0]?.predictions?.[0]?.index ?? Number.NaN) - sent + 10) % 10;
        expect(offset).toBe(versionOf.get(model.version) ?? offset);
        versionOf.set(model.version, offset);
        answered++;
      }
    });
    for (const offset of [1, 2, 3, 4]) {
      const before = answered;
      weights.m?.script({ offset });
      expect((await change('m', 'load')).status).toBe(200);
      await until(() => answered > before + 10, 'traffic between the loads');
    }
    going = false;
    await Promise.all(traffic);
    expect([...versionOf.values()].sort()).toEqual([0, 1, 2, 3, 4]);
    expect(await answers(await postPicture(url, await instructPng('answer', 0)))).toEqual([4]);
    expect(await metric(url, 'menagerie_errors_total')).toBe(0);
    // Two workers each: what was replaced has gone from both.
    expect(weights.m?.log.filter((line) => line.startsWith('loaded'))).toHaveLength(10);
    expect(weights.m?.log.filter((line) => line === 'unload')).toHaveLength(8);
  });

  it('keeps the old network when the new one fails', async () => {
    const server = await startServer();
    const { change, model, readyz } = client(server);
    const { version } = (await model()).serving ?? {};
    server.weights.m?.script({ load: 'fail' });
    expect(await codeOf(await change('m', 'load'))).toBe('invalid_network');
    const now = await model();
    expect([now.state, now.serving?.version, await readyz()]).toEqual(['ready', version, 200]);
    expect(now.reason).toMatch(/^Reloading failed/);
    expect(await answers(await postPicture(server.url, await instructPng('answer', 3)))).toEqual([3]);
  });

  it('stands in for nothing when the old network is lost meanwhile', async () => {
    const server = await startServer({ workers: 2, instances: 1 });
    const { change, model, readyz } = client(server);
    const { url, weights } = server;
    // The new one is being loaded into the free worker when the worker of the old one dies and its successor cannot load it.
    weights.m?.script({ load: 'hold-fail' });
    const loading = change('m', 'load');
    await until(() => (weights.m?.log.filter((line) => line === 'load').length ?? 0) === 2, 'the load to begin');
    weights.m?.script({ load: 'fail' });
    expect(await codeOf(await postPicture(url, await instructPng('fault')))).toBe('worker_failed');
    await until(async () => (await model()).state === 'failed', 'the loss to be noticed');
    weights.m?.open('load');
    expect(await codeOf(await loading)).toBe('invalid_network');
    expect([(await model()).state, await readyz()]).toEqual(['failed', 503]);
  });
});

describe('a model whose only worker is being replaced', () => {
  it('is loading until it is back, and requests wait for it', async () => {
    const server = await startServer();
    const { model, readyz } = client(server);
    const { url, weights, pool } = server;
    weights.m?.script({ load: 'hold' });
    for (const pid of pool.pids) process.kill(pid, 'SIGKILL');
    await until(async () => (await model()).state === 'loading', 'the loss to be noticed');
    expect([await readyz(), pool.workers.alive]).toEqual([503, 0]);
    expect((await model()).reason).toMatch(/being replaced/);
    const waiting = postPicture(url, await instructPng('answer', 3));
    await until(() => pool.waiting === 1, 'the picture to wait');
    weights.m?.open('load');
    expect(await answers(await waiting)).toEqual([3]);
    expect([(await model()).state, await readyz()]).toEqual(['ready', 200]);
    expect(await metric(url, 'menagerie_worker_replacements_total')).toBe(1);
  });

  it('stays ready where another worker has it too', async () => {
    const server = await startServer({ workers: 2 });
    const { model, readyz } = client(server);
    const { url, weights, pool } = server;
    weights.m?.script({ load: 'hold' });
    process.kill(pool.pids[0] ?? 0, 'SIGKILL');
    await until(() => pool.workers.alive === 1, 'the loss to be noticed');
    expect([(await model()).state, await readyz()]).toEqual(['ready', 200]);
    expect(await answers(await postPicture(url, await instructPng('answer', 3)))).toEqual([3]);
    weights.m?.open('load');
    await until(() => pool.workers.alive === 2, 'it to be back');
    expect(pool.instances(server.registry.serving[0]?.key ?? '')).toBe(2);
  });
});

describe('a request that names no model', () => {
  it('is answered by the best that serves at the time, which is named with the reason', async () => {
    const rated = (id: string, top1: number) => ({ variants: { fp32: { file: `${id}.onnx`, top1 } } });
    const server = await startServer({
      models: { good: {}, better: { offset: 1 }, best: { offset: 2 } },
      manifests: { good: rated('good', 60), better: rated('better', 70), best: rated('best', 80) },
    });
    const ask = async (picture: number, query = '') => {
      const reply = await postPicture(server.url, await instructPng('answer', picture), { query });
      return (await reply.json()) as ClassifyReply;
    };
    const first = await ask(0);
    expect([first.model.id, first.results[0]?.predictions?.[0]?.index]).toEqual(['best', 2]);
    expect(first.model.chosen_because).toContain('80 %');
    await client(server).change('best', 'unload');
    expect((await ask(1)).model.id).toBe('better');
    await client(server).change('better', 'unload');
    expect((await ask(2)).model).toMatchObject({ id: 'good', chosen_because: expect.stringMatching(/only model/) });
    expect((await ask(2, 'model=good')).model).not.toHaveProperty('chosen_because');
  });
});

describe('several pictures in one request', () => {
  it('have one result each, in their order; a bad one has its own error', async () => {
    const { url } = await startServer({ workers: 2 });
    const fixture = (name: string) => readFile(new URL(`../fixtures/pictures/${name}`, import.meta.url));
    const half = (await fixture('rgb.jpg')).subarray(0, 400);
    const pictures = [
      await instructPng('answer', 1),
      Buffer.from('no picture'),
      await instructPng('exit'),
      new Uint8Array(half),
      await instructPng('answer', 2),
      Buffer.alloc(0),
    ];
    const reply = await fetch(`${url}/classify?model=m&top_k=3`, { method: 'POST', body: formOf(...pictures) });
    expect(reply.status).toBe(200);
    const body = (await reply.json()) as ClassifyReply;
    const brief = body.results.map(({ name, predictions, error }) => [name, predictions?.[0]?.index ?? error?.code]);
    expect(brief).toEqual([
      ['picture-0.png', 1],
      ['picture-1.png', 'not_an_image'],
      ['picture-2.png', 'worker_failed'],
      ['picture-3.png', 'corrupt_image'],
      ['picture-4.png', 2],
      ['picture-5.png', 'empty_body'],
    ]);
    expect(body.results[0]).toMatchObject({ width: 8, height: 8, format: 'png' });
    expect(body.results[0]?.predictions).toHaveLength(3);
    expect(body.results[0]?.predictions?.[0]).toEqual({
      index: 1,
      label: 'label 1',
      short_name: 'label 1',
      score: expect.closeTo(0.9),
    });
    const images = (outcome: string) => metric(url, 'menagerie_images_total', { outcome });
    expect(
      await Promise.all(['ok', 'not_an_image', 'worker_failed', 'corrupt_image', 'empty_body'].map(images)),
    ).toEqual([2, 1, 1, 1, 1]);
  });
});
