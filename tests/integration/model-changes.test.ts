import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commitModel, type NewModel, stageModel } from '../../src/zoo/model-folder.js';
import { openRepository } from '../../src/zoo/open-repository.js';
import { answers, type ClassifyReply, codeOf, metric, postPicture } from '../support/http-client.js';
import { manifestOf, sha256 } from '../support/model-folders.js';
import { ADMIN_KEY, startServer, type TestServer } from '../support/server.js';
import { instructPng, type LoadScript, readLines, until } from '../support/worker-script.js';

// Models that come, change and go while the server serves, over scripted workers.

const LABELS = Array.from({ length: 10 }, (_, i) => ({ name: `label ${i}` }));

/** A scripted network as a model to write. @param golden the class that its golden picture must be given */
async function newModel(id: string, script: LoadScript, golden = 0): Promise<NewModel> {
  const { labels, variants, default_variant, ...manifest } = manifestOf(id, {
    output: { name: 'y', kind: 'probabilities' },
  }) as NewModel['manifest'] & Record<string, unknown>;
  return {
    manifest,
    variant: 'fp32',
    network: { name: 'model.onnx', content: JSON.stringify(script) },
    labels: LABELS,
    golden: { picture: { name: 'golden.png', content: await instructPng('answer') }, index: golden, within: 1 },
    others: [{ name: 'training.json', content: '{}' }],
  };
}

/** Stages a version, and has the server adopt it. */
async function adopt({ registry, data }: TestServer, ...model: Parameters<typeof newModel>) {
  return await registry.adopt(await stageModel(data, await newModel(...model)));
}

function client({ url }: TestServer) {
  const admin = (path: string, method: string) =>
    fetch(`${url}/models/${path}`, { method, headers: { authorization: `Bearer ${ADMIN_KEY}` } });
  const classOf = async (model: string) => {
    const reply = await postPicture(url, await instructPng('answer'), { query: `model=${model}` });
    return reply.ok ? (await answers(reply))[0] : await codeOf(reply);
  };
  return { admin, classOf };
}

/** The versions and manifests of a model's folder. */
async function filesOf({ data }: TestServer, id: string) {
  const names = await readdir(join(data, id));
  const versions = names.filter((name) => !name.endsWith('.json'));
  return { versions, manifests: names.filter((name) => name.endsWith('.json')).sort() };
}

describe('a model that is added while serving', () => {
  it('answers, is listed, and is found again at the next start', async () => {
    const server = await startServer();
    const { classOf } = client(server);
    expect(await classOf('mine')).toBe('unknown_model');
    await adopt(server, 'mine', { offset: 0 });
    expect(await classOf('mine')).toBe(0);
    const { models } = (await (await fetch(`${server.url}/models`)).json()) as {
      models: { id: string; state: string }[];
    };
    expect(models.map(({ id, state }) => [id, state])).toEqual([
      ['m', 'ready'],
      ['mine', 'ready'],
    ]);
    const labels = (await (await fetch(`${server.url}/models/mine/labels`)).json()) as { labels: { name: string }[] };
    expect(labels.labels.map(({ name }) => name)).toEqual(LABELS.map(({ name }) => name));
    const { models: found, refused } = await openRepository([server.folder], server.data);
    expect([...found.keys(), ...refused]).toEqual(['m', 'mine']);
    const [version = ''] = (await filesOf(server, 'mine')).versions;
    expect((await readdir(join(server.data, 'mine', version))).sort()).toEqual(
      ['golden.png', 'labels.txt', 'model.onnx', 'training.json'].concat(['model.onnx.log', 'model.onnx.pids']).sort(),
    );
  });

  it('leaves nothing behind if it fails', async () => {
    const server = await startServer();
    const { classOf } = client(server);
    await expect(adopt(server, 'mine', { offset: 3 })).rejects.toMatchObject({ code: 'golden_mismatch' });
    expect(await classOf('mine')).toBe('unknown_model');
    expect(await readdir(server.data)).toEqual([]);
    expect(await metric(server.url, 'menagerie_model_state', { model: 'mine' })).toBe(0);
    const failing = adopt(server, 'mine', { load: 'fail' });
    await expect(failing).rejects.toMatchObject({ code: 'invalid_network' });
    await expect(failing).rejects.not.toThrow(server.folder);
    expect(await readdir(server.data)).toEqual([]);
  });

  it('may not take the id of a model or ensemble from elsewhere', async () => {
    const server = await startServer();
    await expect(adopt(server, 'm', {})).rejects.toMatchObject({ code: 'model_protected' });
    expect(await client(server).classOf('m')).toBe(0);
    expect(await readdir(server.data)).toEqual([]);
  });

  it('lets an ensemble be that lacked it, and cannot be removed from it', async () => {
    const pair = {
      id: 'pair',
      title: 'Both',
      members: ['m', 'mine'].map((model) => ({ model, weight: 1 })),
      combine: 'probabilities',
    };
    const server = await startServer({ files: { 'ensembles/pair.json': pair } });
    const { admin, classOf } = client(server);
    expect(await classOf('pair')).toBe('model_failed');
    await adopt(server, 'mine', {});
    expect(await classOf('pair')).toBe(0);
    const refused = await admin('mine', 'DELETE');
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({ code: 'model_protected', detail: expect.stringContaining('"pair"') });
    // Nor may it come to have other classes.
    const other = { ...(await newModel('mine', {})), labels: LABELS.map(({ name }) => ({ name: `other ${name}` })) };
    await expect(server.registry.adopt(await stageModel(server.data, other))).rejects.toMatchObject({
      code: 'model_protected',
    });
    expect(await classOf('pair')).toBe(0);
  });
});

describe('a model that is replaced while serving', () => {
  it('fails no request and mixes no answers', async () => {
    const server = await startServer({ workers: 2 });
    const { admin } = client(server);
    await adopt(server, 'mine', { offset: 0 });
    const versionOf = new Map<string, number>();
    let [going, answered, sent] = [true, 0, 0];
    const traffic = Array.from({ length: 6 }, async () => {
      while (going) {
        const picture = sent++ % 10;
        const reply = await postPicture(server.url, await instructPng('answer', picture), { query: 'model=mine' });
        expect(reply.status).toBe(200);
        const { model, results } = (await reply.json()) as ClassifyReply;
        const offset = ((results[0]?.predictions?.[0]?.index ?? Number.NaN) - picture + 10) % 10;
        expect(offset).toBe(versionOf.get(model.version) ?? offset);
        versionOf.set(model.version, offset);
        answered++;
      }
    });
    const more = async () => {
      const before = answered;
      await until(() => answered > before + 10, 'traffic between the changes');
    };
    for (const offset of [1, 2, 3]) {
      await adopt(server, 'mine', { offset }, offset);
      await more();
      // A newcomer that fails, in one way and another, changes nothing.
      await expect(adopt(server, 'mine', { load: 'fail' })).rejects.toMatchObject({ code: 'invalid_network' });
      await expect(adopt(server, 'mine', { offset: 9 })).rejects.toMatchObject({ code: 'golden_mismatch' });
      await more();
    }
    expect((await admin('mine/rollback', 'POST')).status).toBe(200);
    await more();
    going = false;
    await Promise.all(traffic);
    expect([...versionOf.values()].sort()).toEqual([0, 1, 2, 3]);
    expect(await client(server).classOf('mine')).toBe(2);
    expect(await metric(server.url, 'menagerie_errors_total')).toBe(0);
  });

  it('keeps the files of the version before, and of those that may still serve elsewhere for a while', async () => {
    const server = await startServer();
    for (const offset of [0, 1, 2, 3, 4, 5, 6]) await adopt(server, 'mine', { offset }, offset);
    const { versions, manifests } = await filesOf(server, 'mine');
    expect(manifests).toEqual(['manifest.json', 'manifest.previous.json']);
    // The current one, the one before, and three that no manifest names.
    expect(versions).toHaveLength(5);
    await expect(adopt(server, 'mine', { offset: 9 })).rejects.toMatchObject({ code: 'golden_mismatch' });
    expect((await filesOf(server, 'mine')).versions.sort()).toEqual(versions.sort());
  });

  it('shows why a newcomer did not take over', async () => {
    const server = await startServer();
    await adopt(server, 'mine', { offset: 0 });
    await expect(adopt(server, 'mine', { offset: 3 })).rejects.toMatchObject({ code: 'golden_mismatch' });
    expect(await (await fetch(`${server.url}/models/mine`)).json()).toMatchObject({
      state: 'ready',
      reason: expect.stringContaining('A new version failed: The golden picture is answered'),
    });
  });
});

describe('rollback over HTTP', () => {
  it('goes back, and forth again', async () => {
    const server = await startServer();
    const { admin, classOf } = client(server);
    const first = await adopt(server, 'mine', { offset: 0 });
    expect(await codeOf(await admin('mine/rollback', 'POST'))).toBe('no_previous_version');
    await adopt(server, 'mine', { offset: 1 }, 1);
    const back = await admin('mine/rollback', 'POST');
    expect([back.status, await back.json()]).toEqual([
      200,
      expect.objectContaining({ id: 'mine', serving: expect.objectContaining({ version: first.version }) }),
    ]);
    expect(await classOf('mine')).toBe(0);
    await admin('mine/rollback', 'POST');
    expect(await classOf('mine')).toBe(1);
  });

  it('changes nothing if the version before does not serve any more', async () => {
    const server = await startServer();
    const { admin, classOf } = client(server);
    await adopt(server, 'mine', { offset: 0 });
    const [first = ''] = (await filesOf(server, 'mine')).versions;
    await adopt(server, 'mine', { offset: 1 }, 1);
    const manifest = await readFile(join(server.data, 'mine', 'manifest.json'), 'utf8');
    await rm(join(server.data, 'mine', first, 'model.onnx'));
    const reply = await admin('mine/rollback', 'POST');
    expect(await codeOf(reply)).toBe('model_not_pulled');
    expect(await classOf('mine')).toBe(1);
    expect(await readFile(join(server.data, 'mine', 'manifest.json'), 'utf8')).toBe(manifest);
  });

  it('is for models of the data directory, and for the admin', async () => {
    const server = await startServer();
    const { admin } = client(server);
    expect(await codeOf(await admin('m/rollback', 'POST'))).toBe('model_protected');
    expect(await codeOf(await admin('none/rollback', 'POST'))).toBe('unknown_model');
    for (const [path, method] of [
      ['m/rollback', 'POST'],
      ['m', 'DELETE'],
      ['m/file', 'GET'],
    ]) {
      expect((await fetch(`${server.url}/models/${path}`, { method: method ?? '' })).status).toBe(401);
    }
  });
});

describe('removal over HTTP', () => {
  it('waits for what is being answered, and leaves nothing', async () => {
    const server = await startServer();
    const { admin, classOf } = client(server);
    await adopt(server, 'mine', {});
    const [version = ''] = (await filesOf(server, 'mine')).versions;
    const log = join(server.data, 'mine', version, 'model.onnx.log');
    const running = postPicture(server.url, await instructPng('hold', 4), { query: 'model=mine' });
    await until(() => readLines(log).includes('run 4'), 'the picture to be begun');
    const removing = admin('mine', 'DELETE');
    await until(async () => (await fetch(`${server.url}/models/mine`)).status === 404, 'the removal');
    expect(await codeOf(await admin('mine', 'DELETE'))).toBe('unknown_model');
    // The gate of the scripted network lies beside its file, which has gone.
    await mkdir(join(server.data, 'mine', version), { recursive: true });
    await writeFile(join(server.data, 'mine', version, 'model.onnx.go-4'), '');
    expect(await answers(await running)).toEqual([4]);
    expect((await removing).status).toBe(204);
    await rm(join(server.data, 'mine'), { recursive: true });
    expect(await classOf('mine')).toBe('unknown_model');
    expect(await readdir(server.data)).toEqual([]);
    expect(await metric(server.url, 'menagerie_model_state', { model: 'mine' })).toBe(0);
    // The id is free again.
    await adopt(server, 'mine', { offset: 2 }, 2);
    expect(await classOf('mine')).toBe(2);
  });

  it('is refused for models from elsewhere, and for those that the settings name', async () => {
    const server = await startServer({ named: ['mine'] });
    const { admin, classOf } = client(server);
    await adopt(server, 'mine', {});
    for (const id of ['m', 'mine']) expect(await codeOf(await admin(id, 'DELETE'))).toBe('model_protected');
    expect([await classOf('m'), await classOf('mine')]).toEqual([0, 0]);
  });
});

describe('the file of a model over HTTP', () => {
  it('is what serves, with its hash', async () => {
    const server = await startServer();
    await adopt(server, 'mine', { offset: 0 });
    const reply = await client(server).admin('mine/file', 'GET');
    const text = await reply.text();
    expect(JSON.parse(text)).toEqual({ offset: 0 });
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      etag: `"${sha256(Buffer.from(text))}"`,
      'content-length': String(text.length),
      'content-type': 'application/octet-stream',
      'content-disposition': 'attachment; filename="mine.onnx"',
    });
    const head = await client(server).admin('mine/file', 'HEAD');
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(text.length)]);
    // A file that has changed on disk is not handed out.
    const [version = ''] = (await filesOf(server, 'mine')).versions;
    await writeFile(join(server.data, 'mine', version, 'model.onnx'), text.replace('0', '1'));
    const damaged = await client(server).admin('mine/file', 'GET');
    expect([damaged.status, await codeOf(damaged)]).toEqual([500, 'checksum_mismatch']);
  });
});

describe('a model that another program writes', () => {
  it('is taken up by loading it, and until then the server keeps what it verified', async () => {
    const server = await startServer();
    const { admin, classOf } = client(server);
    const other = await openRepository([server.folder], server.data);
    expect([...other.models.keys()]).toEqual(['m']);
    await commitModel(await stageModel(server.data, await newModel('mine', { offset: 0 })));
    expect(await classOf('mine')).toBe('unknown_model');
    expect((await admin('mine/load', 'POST')).status).toBe(200);
    expect(await classOf('mine')).toBe(0);
    for (const offset of [1, 2])
      await commitModel(await stageModel(server.data, await newModel('mine', { offset }, offset)));
    expect(await classOf('mine')).toBe(0);
    // A worker that is replaced finds the file of what serves.
    process.kill(server.pool.pids[0] ?? 0, 'SIGKILL');
    await until(async () => (await classOf('mine')) === 0, 'the replacement of the worker');
    expect((await admin('mine/load', 'POST')).status).toBe(200);
    expect(await classOf('mine')).toBe(2);
    expect((await admin('none/load', 'POST')).status).toBe(404);
  });
});
