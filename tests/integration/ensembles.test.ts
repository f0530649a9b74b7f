import { describe, expect, it } from 'vitest';
import { answers, type ClassifyReply, metric, postPicture, resultOf } from '../support/http-client.js';
import { manifestOf } from '../support/model-folders.js';
import { CROPPED, type ServerOptions, startServer, type TestServer } from '../support/server.js';
import { instructPng, type LoadScript, until } from '../support/worker-script.js';

/** Three networks that answer class 0 of picture 0, 1 of it and 1 of it: with 0.9, 0.5 and 0.4. */
const THREE: Record<string, LoadScript> = { a: {}, b: { offset: 1, sure: 0.5 }, c: { offset: 1, sure: 0.4 } };

const ask = async ({ url }: TestServer, query: string, picture = 0) =>
  postPicture(url, await instructPng('answer', picture), { path: '/ensemble', query });

async function refusal(response: Response): Promise<[status: number, code: string, detail: string]> {
  const { code, detail } = (await response.json()) as { code: string; detail: string };
  return [response.status, code, detail];
}

const fifteen = Array.from({ length: 15 }, (_, i) => `m${i}`);

describe('POST /ensemble', async () => {
  it('answers with what the members say together, and with what each of them says', async () => {
    const server = await startServer({ models: THREE });
    const reply = await ask(server, 'models=a,b,c&top_k=2');
    expect(reply.status).toBe(200);
    const { model, ensemble, results } = (await reply.json()) as ClassifyReply;
    expect(model).toBeUndefined();
    expect(ensemble).toMatchObject({ combine: 'probabilities', min_members: 3 });
    expect(ensemble).not.toHaveProperty('id');
    const network = { variant: 'fp32', provider: 'cpu', version: expect.stringMatching(/^[0-9a-f]{12}$/), weight: 1 };
    expect(ensemble?.members).toEqual(['a', 'b', 'c'].map((id) => ({ id, ...network })));
    const [result] = results;
    // Means of 0.9, 0.01, 0.01 and of 0.01, 0.5, 0.4.
    expect(result?.predictions).toEqual([
      { index: 0, label: 'label 0', short_name: 'label 0', score: expect.closeTo(0.307, 2) },
      { index: 1, label: 'label 1', short_name: 'label 1', score: expect.closeTo(0.303, 2) },
    ]);
    expect(result?.members?.map(({ model: id, predictions: [first] }) => [id, first?.index, first?.label])).toEqual([
      ['a', 0, 'label 0'],
      ['b', 1, 'label 1'],
      ['c', 1, 'label 1'],
    ]);
    expect(result?.members?.every(({ predictions }) => predictions.length === 2)).toBe(true);
    expect(result?.agreement).toMatchObject({ votes: 1, members: 3 });
    expect(result?.agreement?.jensen_shannon).toBeGreaterThan(0);
    expect(result).toMatchObject({ width: 8, height: 8, format: 'png' });
    expect(result).not.toHaveProperty('missing');
    expect(await metric(server.url, 'menagerie_answers_total', { model: 'ensemble' })).toBe(1);
  });

  it('does not take a misspelt model for one that is merely missing', async () => {
    const server = await startServer({ models: THREE });
    const reply = await refusal(await ask(server, 'models=a,b,nobody&min_members=1'));
    expect(reply).toEqual([404, 'unknown_model', expect.stringContaining('"nobody"')]);
  });

  it('counts votes, weighs members and multiplies as it is asked to', async () => {
    const server = await startServer({ models: THREE });
    const first = async (query: string) => {
      const { predictions, agreement } = await resultOf(await ask(server, `models=a,b,c&${query}`));
      return [predictions?.[0]?.index, predictions?.[0]?.score, agreement?.votes];
    };
    expect(await first('combine=vote')).toEqual([1, expect.closeTo(2 / 3, 5), 2]);
    expect(await first('combine=vote&weights=2.5,1,1')).toEqual([0, expect.closeTo(2.5 / 4.5, 5), 1]);
    expect(await first('weights=1,2,3')).toEqual([1, expect.any(Number), 2]);
    // 0.9 x 0.01 x 0.01 is less than 0.01 x 0.5 x 0.4.
    expect(await first('combine=geometric')).toEqual([1, expect.any(Number), 2]);
    expect(await first('combine=logits')).toEqual([1, expect.any(Number), 2]);
    expect((await ask(server, 'models=a,b,c&combine=median')).status).toBe(400);
  });

  it('says that members agree where they do', async () => {
    const server = await startServer({ models: { a: {}, b: {} } });
    const { agreement } = await resultOf(await ask(server, 'models=a,b', 7));
    expect(agreement).toEqual({ votes: 2, members: 2, jensen_shannon: 0 });
  });

  it('takes fifteen models', async () => {
    const server = await startServer({ models: Object.fromEntries(fifteen.map((id) => [id, {}])) });
    const { members, predictions } = await resultOf(await ask(server, `models=${fifteen}`, 3));
    expect([members?.length, predictions?.[0]?.index]).toEqual([15, 3]);
  });

  const server = await startServer({
    models: { a: {}, b: {} },
    files: {
      'few/manifest.json': manifestOf('few'),
      'few/labels.txt': 'one\ntwo',
      'named/manifest.json': manifestOf('named'),
      'named/labels.txt': [0, 1, 2, 3, 4, 5, 6, 7, 8, 'nine'].map((name) => `label ${name}`).join('\n'),
    },
  });
  it.each([
    ['one model', 'models=a', 400, 'invalid_request', '2 to 15 models; these are 1'],
    ['sixteen models', `models=${fifteen},m15`, 400, 'invalid_request', '2 to 15 models; these are 16'],
    ['no model', '', 400, 'invalid_request', 'models'],
    ['only commas', 'models=,', 400, 'invalid_request', '2 to 15 models; these are 0'],
    ['a model twice', 'models=a,b,a', 400, 'invalid_request', '"a" is named twice'],
    ['an unknown model', 'models=a,nobody', 404, 'unknown_model', 'nobody'],
    [
      'another number of classes',
      'models=a,few',
      400,
      'invalid_request',
      '"few" and "a" have different classes (2 and 10',
    ],
    ['other classes', 'models=a,named', 400, 'invalid_request', 'class 9 is "label nine" and "label 9"'],
    ['too few weights', 'models=a,b&weights=1', 400, 'invalid_request', 'weights must be 2 numbers above 0'],
    ['too many weights', 'models=a,b&weights=1,2,3', 400, 'invalid_request', 'weights must be 2 numbers above 0'],
    ['a weight of 0', 'models=a,b&weights=1,0', 400, 'invalid_request', 'weights must be 2 numbers above 0'],
    ['a negative weight', 'models=a,b&weights=1,-1', 400, 'invalid_request', 'weights must be 2 numbers above 0'],
    ['a weight that is no number', 'models=a,b&weights=1,x', 400, 'invalid_request', 'weights must be 2 numbers'],
    ['more wanted than there are', 'models=a,b&min_members=3', 400, 'invalid_request', 'min_members is 3'],
    ['`model` instead', 'model=a', 400, 'invalid_request', 'model'],
    ['several crops of whole pictures', 'models=a,b&crops=10', 400, 'invalid_request', 'crops=1'],
  ])('refuses %s', async (_what, query, status, code, detail) => {
    expect(await refusal(await ask(server, query))).toEqual([status, code, expect.stringContaining(detail)]);
    expect([server.weights.a?.begun, server.admission.pending]).toEqual([[], 0]);
  });
});

describe('the members of an ensemble', () => {
  it('run side by side in the workers, on one picture that is decoded once', async () => {
    const server = await startServer({ models: { a: {}, b: {}, c: {} }, workers: 2 });
    const reply = postPicture(server.url, await instructPng('hold', 4), { path: '/ensemble', query: 'models=a,b,c' });
    const { a, b, c } = server.weights;
    const begun = () => [a, b, c].filter((weights) => weights?.begun.includes(4)).length;
    await until(() => begun() === 2, 'two members to have begun while none has ended');
    expect([a, b, c].flatMap((weights) => weights?.log.filter((line) => line.startsWith('ran')))).toEqual([]);
    for (const weights of [a, b, c]) weights?.open(4);
    expect(await answers(await reply)).toEqual([4]);
    expect([server.toDecode(), begun()]).toEqual([1, 3]);
    expect(await metric(server.url, 'menagerie_executions_total')).toBe(3);
  });

  it('get through a single worker one after the other', async () => {
    const server = await startServer({ models: { a: {}, b: {} } });
    const reply = postPicture(server.url, await instructPng('hold', 4), { path: '/ensemble', query: 'models=a,b' });
    const { a, b } = server.weights;
    await a?.untilBegun(4);
    expect(b?.begun).toEqual([]);
    for (const weights of [a, b]) weights?.open(4);
    expect(await answers(await reply)).toEqual([4]);
  });

  const failures: [string, ServerOptions, number, string][] = [
    ['fails', { models: { a: {}, b: { action: 'fail' }, c: {} } }, 500, 'internal'],
    ['kills its worker', { models: { a: {}, b: { action: 'exit' }, c: {} }, workers: 2 }, 503, 'worker_failed'],
    ['is not loaded', { models: { a: {}, b: {}, c: {} }, load: ['a', 'c'] }, 409, 'model_not_loaded'],
    [
      'hangs',
      { models: { a: {}, b: { action: 'ignore' }, c: {} }, workers: 2, workerTimeoutMs: 1000 },
      503,
      'worker_failed',
    ],
  ];
  it.each(failures)('fail the request where one of them %s, which is named', async (_how, options, status, code) => {
    const server = await startServer(options);
    expect(await refusal(await ask(server, 'models=a,b,c'))).toEqual([
      status,
      code,
      expect.stringMatching(/^Member "b": \w/),
    ]);
    expect([server.admission.pending, server.pool.waiting]).toEqual([0, 0]);
  });

  it.each(failures)(
    'do without one that %s where that is allowed, and name it',
    async (_how, options, _status, code) => {
      const server = await startServer(options);
      const reply = await ask(server, 'models=a,b,c&min_members=2', 6);
      expect(reply.status).toBe(200);
      const { predictions, members, missing, agreement } = await resultOf(reply);
      expect(predictions?.[0]?.index).toBe(6);
      expect(members?.map(({ model }) => model)).toEqual(['a', 'c']);
      expect(missing).toEqual([{ model: 'b', code, detail: expect.stringMatching(/\w/) }]);
      expect(agreement).toMatchObject({ votes: 2, members: 2 });
      // A result without all members is not remembered.
      expect(server.answers.bytes).toBe(0);
    },
  );

  it('of whom too few are left fail the request with the fault of the one that was too many', async () => {
    const server = await startServer({ models: { a: {}, b: { action: 'fail' }, c: {} }, load: ['a', 'b'] });
    const [status, code, detail] = await refusal(await ask(server, 'models=a,b,c&min_members=2'));
    expect([status, code]).toEqual([500, 'internal']);
    expect(detail).toMatch(/^Member "b"/);
  });

  it('that wait are not begun once another has failed the request', async () => {
    const server = await startServer({ models: { a: { action: 'fail' }, b: {}, c: {} }, renderers: 1 });
    const running = postPicture(server.url, await instructPng('hold', 1), { query: 'model=b' });
    await server.weights.b?.untilBegun(1);
    const failing = ask(server, 'models=a,b,c', 2);
    await until(() => server.pool.waiting === 3, 'the picture to wait for its three networks');
    server.weights.b?.open(1);
    expect((await running).status).toBe(200);
    expect((await failing).status).toBe(500);
    // Whatever comes next comes after all that was left.
    expect((await postPicture(server.url, await instructPng('answer', 3), { query: 'model=b' })).status).toBe(200);
    expect([server.weights.a?.begun, server.weights.c?.begun]).toEqual([[2], []]);
  });

  it('see as many crops as are asked for, each of them', async () => {
    const server = await startServer({ models: { a: {}, b: {} }, manifests: { a: CROPPED, b: CROPPED }, workers: 2 });
    const result = await resultOf(await ask(server, 'models=a,b&crops=10', 5));
    expect([result.views, result.predictions?.[0]?.index]).toEqual([10, 5]);
    for (const weights of [server.weights.a, server.weights.b]) expect(weights?.begun).toEqual(Array(10).fill(5));
    expect(server.toDecode()).toBe(1);
  });

  it('see their own crops where a request does not say', async () => {
    const server = await startServer({
      models: { a: {}, b: {} },
      manifests: { a: { ...CROPPED, crops: 5 }, b: CROPPED },
    });
    expect(await resultOf(await ask(server, 'models=a,b', 5))).toMatchObject({ views: 5 });
    expect([server.weights.a?.begun.length, server.weights.b?.begun.length]).toEqual([5, 1]);
  });
});
