import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import {
  answers,
  codeOf,
  formOf,
  metric,
  openSocket,
  postPicture,
  readReply,
  sumMetric,
} from '../support/http-client.js';
import { post, raw } from '../support/raw-requests.js';
import { startServer } from '../support/server.js';
import { instructPng, until } from '../support/worker-script.js';

describe('a full queue', () => {
  it('refuses at once, before the body is read and anything decoded', async () => {
    const { url, port, weights, toDecode, admission, budget } = await startServer({ queue: 2 });
    const accepted = [postPicture(url, await instructPng('hold', 1)), postPicture(url, await instructPng('hold', 2))];
    await until(() => admission.pending === 2, 'the queue to be full');
    await until(() => toDecode() === 2, 'both to be decoded');

    // Only the head is sent: an answer to it cannot have waited for the body.
    const [head] = post('/classify?model=m', { 'content-type': 'image/png', 'content-length': 500_000 });
    const socket = await openSocket(port);
    const reply = readReply(socket);
    socket.write(head as Uint8Array);
    const { status, headers, body } = await reply;
    expect([status, JSON.parse(body).code]).toEqual([503, 'overloaded']);
    expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(toDecode()).toBe(2);

    for (const picture of [1, 2]) weights.m?.open(picture);
    expect(await Promise.all((await Promise.all(accepted)).map(answers))).toEqual([[1], [2]]);
    expect([admission.pending, budget.used]).toEqual([0, 0]);
    expect((await postPicture(url, await instructPng('answer', 3))).status).toBe(200);
  });

  it('takes all pictures of a request or none', async () => {
    const { url, toDecode, admission, weights } = await startServer({ queue: 3 });
    const running = postPicture(url, await instructPng('hold', 1));
    await weights.m?.untilBegun(1);
    const pictures = await Promise.all([2, 3, 4].map((picture) => instructPng('answer', picture)));
    const reply = await fetch(`${url}/classify?model=m`, { method: 'POST', body: formOf(...pictures) });
    expect([reply.status, await codeOf(reply)]).toEqual([503, 'overloaded']);
    expect([toDecode(), admission.pending]).toEqual([1, 1]);
    weights.m?.open(1);
    expect(await answers(await running)).toEqual([1]);
  });

  it('sends away uploads that together take more memory than there is', async () => {
    const { url, port, budget } = await startServer({ uploadMemory: 600_000, maxBytes: 500_000 });
    const socket = await openSocket(port);
    const [head] = post('/classify?model=m', { 'content-type': 'image/png', 'content-length': 450_000 });
    socket.write(head as Uint8Array);
    socket.write(Buffer.alloc(400_000));
    await until(() => budget.used >= 400_000, 'the first upload to arrive');
    const refused = await postPicture(url, new Uint8Array(300_000));
    expect([refused.status, await codeOf(refused)]).toEqual([503, 'overloaded']);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect((await postPicture(url, await instructPng('answer'))).status).toBe(200);
    socket.destroy();
    await until(() => budget.used === 0, 'the memory to be given back');
  });
});

describe('a deadline', () => {
  it('ends what runs and what waits; what waits is never begun', async () => {
    const { url, weights, admission, pool } = await startServer();
    // The first picture takes longer, because the worker loads what decodes it.
    expect(await answers(await postPicture(url, await instructPng('answer', 0)))).toEqual([0]);
    const running = postPicture(url, await instructPng('hold', 1), { query: 'model=m&timeout_ms=1500' });
    await weights.m?.untilBegun(1);
    const waiting = postPicture(url, await instructPng('answer', 2), { query: 'model=m&timeout_ms=50' });
    for (const request of [waiting, running]) {
      const reply = await request;
      expect([reply.status, await codeOf(reply)]).toEqual([504, 'deadline_exceeded']);
    }
    expect([admission.pending, pool.waiting]).toEqual([0, 0]);
    weights.m?.open(1);
    expect(await answers(await postPicture(url, await instructPng('answer', 3)))).toEqual([3]);
    expect(weights.m?.begun).toEqual([0, 1, 3]);
    expect(await metric(url, 'menagerie_images_total', { outcome: 'deadline_exceeded' })).toBe(2);
  });

  it('is the configured one unless the request asks for less', async () => {
    const { url, weights } = await startServer({ deadlineMs: 200 });
    const reply = await postPicture(url, await instructPng('hold', 1), { query: 'model=m&timeout_ms=60000' });
    expect(await reply.json()).toMatchObject({ code: 'deadline_exceeded', detail: 'No answer within 200 ms.' });
    weights.m?.open(1);
  });

  it('counts every picture of a request that missed it', async () => {
    const { url, weights } = await startServer();
    const pictures = await Promise.all([1, 2, 3].map((picture) => instructPng('hold', picture)));
    const reply = await fetch(`${url}/classify?model=m&timeout_ms=300`, { method: 'POST', body: formOf(...pictures) });
    expect(await codeOf(reply)).toBe('deadline_exceeded');
    expect(await metric(url, 'menagerie_images_total', { outcome: 'deadline_exceeded' })).toBe(3);
    for (const picture of [1, 2, 3]) weights.m?.open(picture);
  });
});

describe('a client that leaves', () => {
  it('while its picture waits has it never executed, and is counted', async () => {
    const { url, port, weights, pool, admission, logged } = await startServer();
    const running = postPicture(url, await instructPng('hold', 1));
    await weights.m?.untilBegun(1);
    const socket = await openSocket(port);
    for (const bytes of raw(await instructPng('answer', 2))) socket.write(bytes);
    await until(() => pool.waiting === 1, 'the picture to wait');
    socket.destroy();
    await once(socket, 'close');
    await until(() => pool.waiting === 0, 'the picture to be given up');
    weights.m?.open(1);
    expect((await running).status).toBe(200);
    expect((await postPicture(url, await instructPng('answer', 3))).status).toBe(200);
    expect(weights.m?.begun).toEqual([1, 3]);
    expect(admission.pending).toBe(0);
    expect(await metric(url, 'menagerie_images_total', { outcome: 'client_closed_request' })).toBe(1);
    expect(await metric(url, 'menagerie_http_request_duration_seconds_count', { status: '499' })).toBe(1);
    expect(logged.filter((line) => line.includes('"status":499'))).toHaveLength(1);
  });
});

describe('a flood', () => {
  it('is answered to the last request, and the books balance', async () => {
    const [SENT, ROOM] = [200, 8];
    const { url, toDecode, weights } = await startServer({ workers: 2, queue: ROOM });
    let refused = 0;
    // The first two keep both workers until everything that finds no room has been sent away.
    const send = async (i: number) => {
      const reply = await postPicture(url, await instructPng(i < 2 ? 'hold' : 'answer', i));
      if (reply.status === 200) {
        expect(await answers(reply)).toEqual([i % 10]);
        return 'ok';
      }
      refused++;
      expect(reply.headers.get('retry-after')).toMatch(/^[1-9]/);
      return await codeOf(reply);
    };
    const first = [send(0), send(1)];
    await weights.m?.untilBegun(0, 1);
    const flood = Array.from({ length: SENT - 2 }, (_, i) => send(i + 2));
    await until(() => refused === SENT - ROOM, 'all others to be refused');
    for (const picture of [0, 1]) weights.m?.open(picture);
    const outcomes = await Promise.all([...first, ...flood]);
    const count = (outcome: string) => outcomes.filter((one) => one === outcome).length;
    const [ok, overloaded] = [count('ok'), count('overloaded')];
    expect([ok, overloaded]).toEqual([ROOM, SENT - ROOM]);

    const text = await (await fetch(`${url}/metrics`)).text();
    const value = (name: string, labels = {}) => sumMetric(text, `menagerie_${name}`, labels);
    const route = '/classify';
    expect(value('images_total', { outcome: 'ok' })).toBe(ok);
    expect(value('images_total')).toBe(ok);
    expect(value('executions_total')).toBe(ok);
    expect(value('batch_size_sum')).toBe(ok);
    expect(value('errors_total', { route, code: 'overloaded' })).toBe(overloaded);
    expect(value('errors_total')).toBe(overloaded);
    expect(value('http_request_duration_seconds_count', { route, status: '200' })).toBe(ok);
    expect(value('http_request_duration_seconds_count', { route, status: '503' })).toBe(overloaded);
    for (const stage of ['decode', 'queue', 'preprocess', 'inference'])
      expect(value(`${stage}_duration_seconds_count`)).toBe(ok);
    expect(toDecode()).toBe(ok);
    expect(weights.m?.begun.length).toBe(ok);
    for (const gauge of ['images_pending', 'queue_length', 'workers_busy', 'upload_bytes'])
      expect([gauge, value(gauge)]).toEqual([gauge, 0]);
    expect(value('http_requests_in_flight')).toBe(1);
    expect(value('workers_alive')).toBe(2);
  });

  it('that keeps every worker computing leaves /livez and /metrics answering', async () => {
    const { url, weights, pool } = await startServer({ workers: 2 });
    const work = [1, 2].map(async (picture) => postPicture(url, await instructPng('spin', picture)));
    await weights.m?.untilBegun(1, 2);
    const waiting = Array.from({ length: 20 }, async (_, i) => postPicture(url, await instructPng('answer', 5 + i)));
    await until(() => pool.waiting >= 2, 'pictures to wait');
    const times: number[] = [];
    for (let i = 0; i < 200; i++) {
      const started = performance.now();
      const reply = await fetch(url + (i % 2 ? '/livez' : '/metrics'));
      await reply.text();
      times.push(performance.now() - started);
      expect(reply.status).toBe(200);
    }
    expect(pool.workers).toEqual({ alive: 2, busy: 2 });
    expect(weights.m?.log.some((line) => line.startsWith('ran'))).toBe(false);
    times.sort((a, b) => a - b);
    console.info(
      `/livez and /metrics with every worker busy: p50 ${times[100]?.toFixed(1)} ms, p99 ${times[198]?.toFixed(1)} ms`,
    );
    for (const picture of [1, 2]) weights.m?.open(picture);
    for (const reply of await Promise.all([...work, ...waiting])) expect(reply.status).toBe(200);
  });
});
