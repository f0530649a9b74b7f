import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { codeOf, postPicture, resultOf } from '../support/http-client.js';
import { manifestOf } from '../support/model-folders.js';
import { type ServerOptions, startServer, type TestServer } from '../support/server.js';
import { instructPng } from '../support/worker-script.js';

const TREE = readFileSync(fileURLToPath(new URL('../../models/labels/wordnet.tsv', import.meta.url)), 'utf8');
const CLASSES = `n02123045\ttabby, tabby cat
n02123394\tPersian cat
n02123159\ttiger cat
n02099601\tgolden retriever
n02088364\tbeagle
n04285008\tsports car, sport car
n03770679\tminivan
n07753592\tbanana
n02012849\tcrane
n03126707\tcrane
`;

/** A server of models of these classes: `a` is sure of the class that a picture names, `b` of the next, `c` of the one after. */
function start(options: ServerOptions = {}): Promise<TestServer> {
  const models = { a: {}, b: { offset: 1 }, c: { offset: 2 } };
  const labels = Object.fromEntries(Object.keys(models).map((id) => [`${id}/labels.txt`, CLASSES]));
  return startServer({ models, ...options, files: { 'labels/wordnet.tsv': TREE, ...labels, ...options.files } });
}

const ask = async ({ url }: TestServer, query: string, picture = 0, path = '/classify') =>
  postPicture(url, await instructPng('answer', picture), { path, query });
/** Scripted networks give one class 0.9, and each other class this. */
const REST = 0.01;
const close = (score: number) => expect.closeTo(score, 5);

describe('group', () => {
  it('sums the scores of the classes of each group', async () => {
    const server = await start();
    const { predictions } = await resultOf(await ask(server, 'model=a&group=basic'));
    expect(predictions).toEqual([
      { label: 'cat', short_name: 'cat', score: close(0.9 + 2 * REST) },
      { label: 'dog', short_name: 'dog', score: close(2 * REST) },
      { label: 'car', short_name: 'car', score: close(2 * REST) },
      { label: 'banana', short_name: 'banana', score: close(REST) },
      { label: 'bird', short_name: 'bird', score: close(REST) },
    ]);
    const broad = await resultOf(await ask(server, 'model=a&group=broad&top_k=9'));
    expect(broad.predictions?.map(({ label, score }) => [label, score])).toEqual([
      ['animal', close(0.9 + 5 * REST)],
      ['vehicle', close(2 * REST)],
      ['food', close(REST)],
      ['device', close(REST)],
    ]);
    expect(broad.predictions?.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(0.9 + 9 * REST, 5);
  });

  it('averages the members of an ensemble first, and has them agree on groups', async () => {
    const server = await start();
    const query = 'models=a,b,c&weights=1,2,3';
    const classes = await resultOf(await ask(server, `${query}&top_k=1`, 0, '/ensemble'));
    expect(classes.predictions?.[0]).toMatchObject({ index: 2, short_name: 'tiger cat' });
    expect(classes.agreement).toMatchObject({ votes: 1, members: 3 });
    const groups = await resultOf(await ask(server, `${query}&top_k=1&group=basic`, 0, '/ensemble'));
    const cat = { label: 'cat', short_name: 'cat', score: close(0.9 + 2 * REST) };
    expect(groups.predictions).toEqual([cat]);
    expect(groups.members).toEqual(['a', 'b', 'c'].map((model) => ({ model, predictions: [cat] })));
    expect(groups.agreement).toEqual({ votes: 3, members: 3, jensen_shannon: close(0) });
    // Picture 1: Persian cat, tiger cat, golden retriever, which has the largest weight.
    const voted = await resultOf(await ask(server, `${query}&combine=vote&group=basic&top_k=2`, 1, '/ensemble'));
    expect(voted.predictions?.map(({ label, score }) => [label, score])).toEqual([
      ['cat', close(0.5)],
      ['dog', close(0.5)],
    ]);
  });

  it('weighs members for their agreement', async () => {
    const server = await start();
    const of = async (weights: string) =>
      (await resultOf(await ask(server, `models=a,b&weights=${weights}&group=basic`, 2, '/ensemble'))).agreement;
    const [even, uneven] = [await of('1,1'), await of('1,9')];
    expect([even?.votes, uneven?.votes]).toEqual([1, 1]);
    expect(uneven?.jensen_shannon).toBeLessThan(even?.jensen_shannon ?? 0);
  });

  it('is no reason to compute an answer again', async () => {
    const server = await start({ cache: 1_000_000 });
    const of = async (query: string) => (await resultOf(await ask(server, `model=a&top_k=1${query}`))).predictions?.[0];
    const tabby = { index: 0, label: 'tabby, tabby cat', short_name: 'tabby', score: close(0.9) };
    expect(await of('')).toEqual(tabby);
    expect(await of('&group=broad')).toMatchObject({ label: 'animal' });
    expect(await of('&group=basic')).toMatchObject({ label: 'cat' });
    expect(await of('&min_score=0.5')).toEqual(tabby);
    expect(server.begun()).toEqual([0]);
  });

  it('is refused before the picture is read if the classes have none', async () => {
    const server = await startServer();
    const estimate = fetch(`${server.url}/estimate?model=m&group=basic`, { method: 'POST' });
    for (const reply of [await ask(server, 'model=m&group=basic'), await estimate]) {
      expect([reply.status, await reply.json()]).toMatchObject([
        400,
        { code: 'invalid_request', detail: '"m" has no groups: its class "label 0" has no place in WordNet\'s tree.' },
      ]);
    }
    expect(server.toDecode()).toBe(0);
  });
});

describe('min_score', () => {
  it('cuts the list off, of members and groups too', async () => {
    const server = await start();
    const { predictions } = await resultOf(await ask(server, 'model=a&top_k=10&min_score=0.5'));
    expect(predictions?.map(({ index }) => index)).toEqual([0]);
    const grouped = await resultOf(await ask(server, `model=a&group=basic&top_k=10&min_score=${1.5 * REST}`));
    expect(grouped.predictions?.map(({ label }) => label)).toEqual(['cat', 'dog', 'car']);
    expect((await resultOf(await ask(server, `model=a&top_k=2&min_score=0`))).predictions).toHaveLength(2);
    const together = await resultOf(await ask(server, 'models=a,b&min_score=0.89', 0, '/ensemble'));
    expect(together.predictions).toEqual([]);
    expect(together.members?.map((member) => member.predictions.length)).toEqual([1, 1]);
  });

  it.each(['min_score=-0.1', 'min_score=1.1', 'min_score=some', 'group=cat', 'group='])('is not %s', async (query) => {
    const reply = await ask(await start(), `model=a&${query}`);
    expect([reply.status, await codeOf(reply)]).toEqual([400, 'invalid_request']);
  });
});

describe('GET /models/:id/labels', () => {
  const get = (server: TestServer, id: string, headers: Record<string, string> = {}) =>
    fetch(`${server.url}/models/${id}/labels`, { headers });

  it('has the names of each class and what it is a kind of', async () => {
    const server = await start();
    const { model, labels } = (await (await get(server, 'a')).json()) as {
      model: string;
      labels: { short_name: string }[];
    };
    expect(model).toBe('a');
    expect(labels).toHaveLength(10);
    expect(labels[0]).toEqual({
      index: 0,
      name: 'tabby, tabby cat',
      short_name: 'tabby',
      synonyms: ['tabby cat'],
      wnid: 'n02123045',
      parents: expect.arrayContaining([{ wnid: 'n02121620', name: 'cat, true cat' }]),
      groups: { basic: 'cat', broad: 'animal' },
    });
    expect(labels.slice(8).map((label) => label.short_name)).toEqual(['crane (wading bird)', 'crane (lifting device)']);
  });

  it('answers for ensembles, and for models without WordNet ids or weights', async () => {
    const server = await start({
      files: {
        'pair/manifest.json': '{}',
        'ensembles/both.json': { id: 'both', title: 'Both', members: [{ model: 'a' }, { model: 'b' }] },
        'shapes/manifest.json': manifestOf('shapes'),
        'shapes/labels.txt': 'round, circular\nsquare\n',
      },
    });
    const both = (await (await get(server, 'both')).json()) as { labels: unknown[] };
    expect(both).toMatchObject({ model: 'both', labels: [{ short_name: 'tabby' }, ...new Array(9).fill({})] });
    expect(await (await get(server, 'shapes')).json()).toEqual({
      model: 'shapes',
      labels: [
        { index: 0, name: 'round, circular', short_name: 'round', synonyms: ['circular'] },
        { index: 1, name: 'square', short_name: 'square', synonyms: [] },
      ],
    });
    const refused = await get(server, 'pair');
    expect([refused.status, await codeOf(refused)]).toEqual([503, 'model_failed']);
    const unknown = await get(server, 'nobody');
    expect([unknown.status, await codeOf(unknown)]).toEqual([404, 'unknown_model']);
  });

  it('is not sent to whoever has it', async () => {
    const server = await start();
    const first = await get(server, 'a');
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]{43}"$/);
    expect(first.headers.get('cache-control')).toBe('no-cache');
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await get(server, 'a', { 'if-none-match': known });
      expect([again.status, again.headers.get('etag'), await again.text()]).toEqual([304, etag, '']);
    }
    const other = await get(server, 'a', { 'if-none-match': '"other"' });
    expect([other.status, ((await other.json()) as { model: string }).model]).toEqual([200, 'a']);
  });
});
