import { describe, expect, it } from 'vitest';
import { answers, type ClassifyReply, metric, postPicture } from '../support/http-client.js';
import { ADMIN_KEY, CROPPED, type ServerOptions, startServer, type TestServer } from '../support/server.js';
import { instructPng } from '../support/worker-script.js';

const MEMBERS = [{ model: 'a', weight: 2 }, { model: 'b' }];

/** A server of models `a` and `b` with these ensemble files. */
function start(ensembles: Record<string, object>, options: ServerOptions = {}): Promise<TestServer> {
  const files = Object.fromEntries(
    Object.entries(ensembles).map(([id, file]) => [
      `ensembles/${id}.json`,
      { id, title: `The ${id}`, members: MEMBERS, ...file },
    ]),
  );
  return startServer({ models: { a: {}, b: { offset: 1 } }, ...options, files: { ...files, ...options.files } });
}

const get = async ({ url }: TestServer, path: string) => {
  const reply = await fetch(url + path);
  return { status: reply.status, body: (await reply.json()) as Record<string, unknown> };
};
const change = ({ url }: TestServer, id: string, what: 'load' | 'unload') =>
  fetch(`${url}/models/${id}/${what}`, { method: 'POST', headers: { authorization: `Bearer ${ADMIN_KEY}` } });
const ask = async ({ url }: TestServer, query: string, picture = 0) =>
  postPicture(url, await instructPng('answer', picture), { query });

describe('an ensemble with a file of its own', () => {
  it('stands among the models, with its members', async () => {
    const server = await start({ pair: { combine: 'vote' } });
    const { models } = (await get(server, '/models')).body as { models: { id: string }[] };
    expect(models.map(({ id }) => id).sort()).toEqual(['a', 'b', 'pair']);
    const listed = models.find(({ id }) => id === 'pair');
    expect(listed).toMatchObject({
      kind: 'ensemble',
      title: 'The pair',
      state: 'ready',
      reason: null,
      variants: {},
      members: [
        { model: 'a', weight: 2 },
        { model: 'b', weight: 1 },
      ],
      combine: 'vote',
      serving: null,
    });
    expect(models.find(({ id }) => id === 'a')).toMatchObject({ kind: 'network' });
    const { body } = await get(server, '/models/pair');
    expect(body).toMatchObject({ ...listed, manifest: { id: 'pair', combine: 'vote', min_members: 2 } });
    expect(body.labels).toHaveLength(10);
  });

  it('is no member of another', async () => {
    const server = await start({ pair: {} });
    for (const models of ['pair', 'a,pair']) {
      const reply = await postPicture(server.url, await instructPng('answer', 0), {
        path: '/ensemble',
        query: `models=${models}`,
      });
      expect(await reply.json()).toMatchObject({
        code: 'invalid_request',
        detail: '"pair" is an ensemble; it cannot be a member. Name it alone, as the model.',
      });
    }
  });

  it('classifies like a model, with the weights and the rule of its file', async () => {
    const server = await start({ pair: { combine: 'vote' } });
    const reply = await ask(server, 'model=pair');
    expect(reply.status).toBe(200);
    const { ensemble, results } = (await reply.json()) as ClassifyReply;
    expect(ensemble).toMatchObject({
      id: 'pair',
      combine: 'vote',
      min_members: 2,
      members: [
        { id: 'a', weight: 2 },
        { id: 'b', weight: 1 },
      ],
    });
    expect(results[0]?.predictions?.slice(0, 2)).toEqual([
      { index: 0, label: 'label 0', short_name: 'label 0', score: expect.closeTo(2 / 3, 5) },
      { index: 1, label: 'label 1', short_name: 'label 1', score: expect.closeTo(1 / 3, 5) },
    ]);
    expect(await metric(server.url, 'menagerie_answers_total', { model: 'pair' })).toBe(1);
    // What answers a single model stays as it was.
    const alone = (await (await ask(server, 'model=a')).json()) as ClassifyReply;
    expect(alone).toMatchObject({ model: { id: 'a' } });
    expect(alone).not.toHaveProperty('ensemble');
    expect(alone.results[0]).not.toHaveProperty('agreement');
  });

  it('may be the default', async () => {
    const server = await start({ pair: {} }, { defaultModel: 'pair' });
    expect(await answers(await ask(server, '', 3))).toEqual([3]);
    expect(await metric(server.url, 'menagerie_answers_total', { model: 'pair' })).toBe(1);
  });

  it('shows its own crops unless asked otherwise', async () => {
    const server = await start({ pair: { crops: 5 } }, { manifests: { a: CROPPED, b: { ...CROPPED, crops: 10 } } });
    expect(await answers(await ask(server, 'model=pair', 3))).toEqual([3]);
    const begun = () => [server.weights.a?.begun.length, server.weights.b?.begun.length];
    expect(begun()).toEqual([5, 5]);
    await ask(server, 'model=pair&crops=1', 4);
    expect(begun()).toEqual([6, 6]);
  });

  it('is ready while enough of its members are, and says which are not', async () => {
    const server = await start({ both: {}, either: { min_members: 1 } });
    const state = async (id: string) => {
      const { state: now, reason } = (await get(server, `/models/${id}`)).body;
      return [now, reason];
    };
    expect(await state('both')).toEqual(['ready', null]);
    expect((await change(server, 'b', 'unload')).status).toBe(200);
    expect(await state('both')).toEqual(['unloaded', 'Member "b" is unloaded.']);
    expect(await state('either')).toEqual(['ready', 'Member "b" is unloaded.']);
    const refused = await ask(server, 'model=both');
    expect([refused.status, await refused.json()]).toEqual([
      409,
      expect.objectContaining({ code: 'model_not_loaded', detail: expect.stringMatching(/^Member "b": /) }),
    ]);
    const { results } = (await (await ask(server, 'model=either')).json()) as ClassifyReply;
    expect(results[0]?.missing).toMatchObject([{ model: 'b', code: 'model_not_loaded' }]);
    server.weights.b?.script({ load: 'fail' });
    expect((await change(server, 'b', 'load')).status).toBe(500);
    expect(await state('both')).toEqual(['failed', 'Member "b" is failed.']);
    server.weights.b?.script({});
    expect((await change(server, 'b', 'load')).status).toBe(200);
    expect(await state('both')).toEqual(['ready', null]);
    expect((await ask(server, 'model=both')).status).toBe(200);
  });

  it('has nothing that only a network has', async () => {
    const server = await start({ pair: {} });
    const tries = [
      change(server, 'pair', 'load'),
      change(server, 'pair', 'unload'),
      fetch(`${server.url}/models/pair/summary`),
      fetch(`${server.url}/models/compare?ids=pair`),
    ];
    for (const reply of await Promise.all(tries)) {
      expect([reply.status, await reply.json()]).toEqual([
        400,
        expect.objectContaining({ code: 'invalid_request', detail: expect.stringContaining('members: a, b') }),
      ]);
    }
    // Nor do the parameters of an ensemble that a request makes up go with one that has a name.
    for (const query of ['model=pair&weights=1,1', 'model=pair&combine=vote', 'model=pair&min_members=1']) {
      expect([query, (await ask(server, query)).status]).toEqual([query, 400]);
    }
  });
});

describe('an ensemble file that is faulty', () => {
  it.each<[string, object, RegExp]>([
    ['has a member that does not exist', { members: [{ model: 'a' }, { model: 'nobody' }] }, /no model "nobody"/],
    ['has one member', { members: [{ model: 'a' }] }, /members/],
    ['has a member twice', { members: [{ model: 'a' }, { model: 'a' }] }, /"a" is members\.0 already/],
    ['has a weight of 0', { members: [{ model: 'a', weight: 0 }, { model: 'b' }] }, /members\.0\.weight/],
    ['wants more members than there are', { min_members: 3 }, /min_members: is 3/],
    ['wants crops that a member cannot take', { crops: 10 }, /"a" has resize mode "exact" and takes one crop/],
    ['has an unknown field', { combien: 'vote' }, /combien/],
    ['calls itself something else', { id: 'other' }, /id: is "other"/],
  ])('is refused, with the reason, where it %s', async (_how, fault, reason) => {
    const server = await start({ pair: fault, good: {} });
    const { models } = (await get(server, '/models')).body as { models: { id: string }[] };
    expect(models.find(({ id }) => id === 'pair')).toMatchObject({
      state: 'refused',
      reason: expect.stringMatching(reason),
    });
    const { status, body } = await get(server, '/models/pair');
    expect([status, body.state]).toEqual([200, 'refused']);
    expect(JSON.stringify(body)).not.toContain(server.folder);
    const refused = await ask(server, 'model=pair');
    expect([refused.status, await refused.json()]).toMatchObject([503, { code: 'model_failed' }]);
    // The others stand.
    expect(await answers(await ask(server, 'model=good', 2))).toEqual([2]);
  });

  it('takes no name from a model', async () => {
    const server = await start({ a: {} });
    const { models } = (await get(server, '/models')).body as { models: { id: string; state: string }[] };
    expect(models.filter(({ id }) => id === 'a').map(({ state }) => state)).toEqual(['ready', 'refused']);
    expect(await answers(await ask(server, 'model=a', 2))).toEqual([2]);
  });
});
