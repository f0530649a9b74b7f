import { chmodSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MenagerieError } from '../../../../src/core/errors.js';
import { JobQueue } from '../../../../src/training/jobs/job-queue.js';
import type { TransferJob } from '../../../../src/training/jobs/transfer-job.js';
import { openJobs, requestOf } from '../../../support/jobs.js';
import { temporaryFolder } from '../../../support/model-folders.js';
import { until } from '../../../support/worker-script.js';

const never = new AbortController().signal;

/** The job as it stands on disk. */
const onDisk = (root: string, { id }: TransferJob): TransferJob =>
  JSON.parse(readFileSync(join(root, 'transfers', id, 'job.json'), 'utf8'));

describe('trainings', () => {
  test('run one at a time, in the order in which they came', async () => {
    const { queue, submit, begun, runs, states, inState } = await openJobs(undefined);
    const jobs = [await submit('a'), await submit('b'), await submit('c')];
    expect(queue.jobs.map(({ request }) => request.id)).toEqual(['c', 'b', 'a']);
    for (const [i, id] of ['a', 'b', 'c'].entries()) {
      const run = await begun(i + 1);
      expect(run.id).toBe(id);
      expect(runs).toHaveLength(i + 1);
      run.done();
      await inState(jobs[i] as TransferJob, 'done');
    }
    await until(() => states.includes('c done'), 'its end to be written');
    expect(states.filter((state) => !state.endsWith('queued'))).toEqual([
      'a running',
      'a done',
      'b running',
      'b done',
      'c running',
      'c done',
    ]);
    expect(jobs[0]).toMatchObject({ begun: 1, result: { model: 'a' }, error: undefined });
    expect(jobs[0]?.ended).toBeDefined();
  });

  test('that fail say why, and the next one begins; what is no error of ours goes to the log alone', async () => {
    const causes: unknown[] = [];
    const { submit, begun, inState } = await openJobs(undefined, {
      onState: (_job, fault) => fault && causes.push(fault.cause),
    });
    const [a, b] = [await submit('a'), await submit('b')];
    (await begun(1)).fail(new MenagerieError('invalid_data', 'one class only'));
    await inState(a, 'failed');
    expect(a.error).toEqual({ code: 'invalid_data', detail: 'one class only' });
    (await begun(2)).fail(new Error('/secret/path'));
    await inState(b, 'failed');
    expect(b.error).toMatchObject({ code: 'internal', detail: expect.not.stringContaining('secret') });
    await until(() => causes.length === 2, 'both to be told');
    expect(causes[1]).toMatchObject({ message: '/secret/path' });
  });

  test('that wait or run can be cancelled, and those that are over forgotten', async () => {
    const { root, queue, submit, begun, runs } = await openJobs(undefined);
    const [a, b, c] = [await submit('a'), await submit('b'), await submit('c')];
    await begun(1);
    expect((await queue.remove(b.id)).state).toBe('cancelled');
    const removed = queue.remove(a.id);
    expect((await removed).state).toBe('cancelled');
    expect(runs[0]?.signal.reason).toMatchObject({ code: 'training_cancelled' });
    expect((await begun(2)).id).toBe('c');
    expect(onDisk(root, a)).toMatchObject({ state: 'cancelled' });
    await queue.remove(a.id);
    expect(() => queue.job(a.id)).toThrowError(expect.objectContaining({ code: 'unknown_training' }));
    expect(existsSync(join(root, 'transfers', a.id))).toBe(false);
    await expect(queue.remove(a.id)).rejects.toMatchObject({ code: 'unknown_training' });
    expect(queue.jobs.map(({ id }) => id)).toEqual([c.id, b.id]);
  });

  test('that are at their end when they are cancelled stay done', async () => {
    const { root, queue, submit, begun, inState } = await openJobs(undefined);
    const job = await submit('a');
    const run = await begun(1);
    run.done();
    await inState(job, 'done');
    // It is being written that it is done; then it is forgotten.
    expect((await queue.remove(job.id)).state).toBe('done');
    expect(existsSync(join(root, 'transfers', job.id))).toBe(false);
  });

  test('are refused if one for the same model is not over, or no model may have the id', async () => {
    const { queue, submit, begun, inState } = await openJobs(undefined, {
      assertFree: async (id) => {
        if (id === 'lenet5') throw new MenagerieError('model_protected', 'taken');
      },
    });
    const first = await submit('a');
    await expect(submit('a')).rejects.toMatchObject({
      code: 'training_busy',
      message: expect.stringContaining(first.id),
    });
    await expect(queue.prepare('a')).rejects.toMatchObject({ code: 'training_busy' });
    await expect(queue.prepare('lenet5')).rejects.toMatchObject({ code: 'model_protected' });
    await expect(submit('lenet5')).rejects.toMatchObject({ code: 'model_protected' });
    await queue.prepare(undefined);
    // Two at the same moment.
    const both = await Promise.allSettled([submit('b'), submit('b')]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    (await begun(1)).done();
    await inState(first, 'done');
    await submit('a');
  });

  test('are refused beyond those that may wait', async () => {
    const { queue, submit } = await openJobs(undefined);
    for (let i = 0; i < 17; i++) await submit(`m${i}`);
    await expect(queue.prepare(undefined)).rejects.toMatchObject({ code: 'overloaded', retryAfterS: 60 });
    await expect(submit('more')).rejects.toMatchObject({ code: 'overloaded' });
    expect(queue.jobs).toHaveLength(17);
  });

  test('are listed, the last hundred that are over, with their folders', async () => {
    const { root, queue, submit, runs, begun, inState } = await openJobs(undefined);
    const first = await submit('m');
    for (let i = 0; i < 102; i++) {
      (await begun(i + 1)).done();
      await inState(queue.jobs[0] as TransferJob, 'done');
      await submit('m');
    }
    await begun(103);
    expect(runs).toHaveLength(103);
    await until(() => queue.jobs.length === 101, 'old ones to be forgotten');
    await until(
      () => readdirSync(join(root, 'transfers')).filter((n) => n !== '.lock').length === 101,
      'their folders',
    );
    expect(() => queue.job(first.id)).toThrow();
  });
});

describe('a queue that stops', () => {
  test('ends the training that runs; another server begins it again, before those that waited', async () => {
    const { root, queue, submit, begun, runs } = await openJobs(undefined);
    const a = await submit('a');
    await submit('b');
    await begun(1);
    await queue.stop();
    expect(runs[0]?.signal.reason).toMatchObject({ code: 'shutting_down' });
    expect(onDisk(root, a)).toMatchObject({ state: 'queued', begun: 0 });
    await expect(submit('c')).rejects.toMatchObject({ code: 'shutting_down' });
    expect(runs).toHaveLength(1);
    const next = await openJobs(root);
    expect(next.queue.jobs.map(({ request, state }) => [request.id, state])).toEqual([
      ['b', 'queued'],
      ['a', 'queued'],
    ]);
    expect(next.runs).toHaveLength(0);
    await next.queue.start();
    const first = await next.begun(1);
    expect(first.id).toBe('a');
    first.done();
    expect((await next.begun(2)).id).toBe('b');
  });

  test('may stop before it starts, and at any time', async () => {
    const { root, queue, submit } = await openJobs(undefined);
    await submit('a');
    await queue.stop();
    await queue.stop();
    const next = await openJobs(root);
    await Promise.all([next.queue.start(), next.queue.stop()]);
    expect(next.runs).toHaveLength(0);
  });
});

describe('a server that was killed', () => {
  /** What it leaves: jobs on disk, and its lock, whose process is gone. */
  async function killed(begun: number) {
    const { root, queue, submit, begun: untilBegun, store } = await openJobs(undefined);
    const job = await submit('a');
    await untilBegun(1);
    await submit('b');
    await queue.stop();
    await store.write({ ...job, state: 'running', begun });
    return root;
  }

  test.each([1, 2])('while it ran a training for the time %i: it is begun again', async (begun) => {
    const next = await openJobs(await killed(begun));
    await next.queue.start();
    expect((await next.begun(1)).id).toBe('a');
    expect(next.queue.jobs.map(({ begun: times }) => times)).toEqual([0, begun + 1]);
    expect(next.states).toEqual(['a queued', 'a running']);
  });

  test('while it ran a training for the third time: that is lost, and the next one begins', async () => {
    const root = await killed(3);
    const next = await openJobs(root);
    await next.queue.start();
    expect((await next.begun(1)).id).toBe('b');
    const lost = next.queue.jobs[1] as TransferJob;
    expect(lost).toMatchObject({ state: 'lost', error: { code: 'training_lost' } });
    expect(onDisk(root, lost)).toMatchObject({ state: 'lost' });
  });

  test('a training that comes before the old ones go on waits for them', async () => {
    const next = await openJobs(await killed(1));
    await next.submit('c');
    // The one that waited may run; the one that was interrupted is not touched until `start`.
    expect((await next.begun(1)).id).toBe('b');
    await next.queue.start();
    expect(next.queue.jobs.map(({ request, state }) => `${request.id} ${state}`)).toEqual([
      'c queued',
      'b running',
      'a queued',
    ]);
    next.runs[0]?.done();
    expect((await next.begun(2)).id).toBe('a');
    next.runs[1]?.done();
    expect((await next.begun(3)).id).toBe('c');
  });

  test('while it received pictures: they are removed, and those of jobs stay', async () => {
    const root = await killed(1);
    const transfers = join(root, 'transfers');
    await mkdir(join(transfers, 'x-00000000', 'pictures.partial', 'a'), { recursive: true });
    await mkdir(join(transfers, 'not of ours'), { recursive: true });
    const damaged = join(transfers, 'y-00000000');
    await mkdir(damaged, { recursive: true });
    for (const text of ['', 'null', '{}', '{"id":"y-00000000"}']) {
      await writeFile(join(damaged, 'job.json'), text);
      await (await openJobs(root)).queue.stop();
    }
    const next = await openJobs(root);
    expect(next.queue.jobs).toHaveLength(2);
    await next.queue.start();
    const left = readdirSync(transfers);
    expect(left).not.toContain('x-00000000');
    expect(left).toEqual(expect.arrayContaining(['not of ours', 'y-00000000', ...next.queue.jobs.map(({ id }) => id)]));
  });
});

test('the first upload of a server keeps its pictures', async () => {
  const { store, queue, begun } = await openJobs(undefined);
  const id = JobQueue.nameFor('a');
  await queue.prepare(undefined);
  const pictures = await store.makePictures(id);
  await mkdir(pictures);
  const job = await queue.submit(id, requestOf('a'));
  const run = await begun(1);
  expect(existsSync(pictures)).toBe(true);
  run.done();
  await until(
    () => job.state === 'done' && !existsSync(pictures),
    'them to be removed when they are not needed any more',
  );
});

test('reports are kept, until their job is forgotten', async () => {
  const { queue, submit, begun, inState } = await openJobs(undefined);
  const job = await submit('a');
  const run = await begun(1);
  await expect(queue.report(job.id)).rejects.toMatchObject({ code: 'no_report' });
  await run.keepReport({ id: 'a' });
  expect(JSON.parse(await queue.report(job.id))).toEqual({ id: 'a' });
  run.fail(new MenagerieError('golden_mismatch', 'wrong'));
  await inState(job, 'failed');
  expect(JSON.parse(await queue.report(job.id))).toEqual({ id: 'a' });
  await queue.remove(job.id);
  await expect(queue.report(job.id)).rejects.toMatchObject({ code: 'unknown_training' });
});

describe('two servers on one folder', () => {
  test('do not run the same jobs: the second is told so, without a path', async () => {
    const first = await openJobs(undefined);
    await first.submit('a');
    await first.begun(1);
    const second = await openJobs(first.root);
    // Within one process the lock is taken over, so another living process holds it here.
    const lock = join(first.root, 'transfers', '.lock');
    const holder = JSON.parse(readFileSync(lock, 'utf8'));
    await writeFile(lock, JSON.stringify({ ...holder, pid: process.ppid }));
    const refused = { code: 'io_error', message: 'Another process trains with this MENAGERIE_DATA_DIR.' };
    await expect(second.queue.start()).rejects.toMatchObject(refused);
    await expect(second.submit('b')).rejects.toMatchObject(refused);
    expect(second.runs).toHaveLength(0);
    await rm(lock);
    await second.submit('b');
    await second.begun(1);
  });
});

// Root may write anywhere.
describe.skipIf(process.getuid?.() === 0)('a folder that cannot be written', () => {
  test('refuses jobs, in words without a path', async () => {
    const root = await temporaryFolder();
    chmodSync(root, 0o500);
    const { queue, submit } = await openJobs(root);
    const refused = { code: 'io_error', message: 'cannot create the folder of trainings: permission denied' };
    await expect(submit('a')).rejects.toMatchObject(refused);
    expect(queue.jobs).toEqual([]);
  });
});

test('a job whose state cannot be written runs all the same, and the fault is told', async () => {
  const { root, queue, submit, begun, inState, faults } = await openJobs(undefined);
  const job = await submit('a');
  const run = await begun(1);
  // A file in the place of the folder.
  await rm(join(root, 'transfers', job.id), { recursive: true });
  await writeFile(join(root, 'transfers', job.id), '');
  await expect(run.keepReport({})).rejects.toMatchObject({
    code: 'io_error',
    message: expect.not.stringContaining(root),
  });
  run.done();
  await inState(job, 'done');
  await until(() => faults.length === 1, 'the fault');
  expect(faults[0]?.message).not.toContain(root);
  // One that cannot be written at all is none.
  const name = JobQueue.nameFor('b');
  await writeFile(join(root, 'transfers', name), '');
  await expect(queue.submit(name, requestOf('b'))).rejects.toMatchObject({ code: 'io_error' });
  expect(queue.jobs).toHaveLength(1);
});

describe('who watches a training', () => {
  const follow = (queue: JobQueue, id: string, signal = never) => queue.watch(id, signal);

  test('sees it now and after each change, until it is over; changes that come faster are one', async () => {
    const { queue, submit, begun } = await openJobs(undefined);
    const job = await submit('a');
    const run = await begun(1);
    const watch = follow(queue, job.id);
    expect((await watch.next()).value).toMatchObject({ state: 'running' });
    const next = watch.next();
    run.progress(1);
    expect((await next).value?.progress).toMatchObject({ done: 1 });
    for (let done = 2; done <= 50; done++) run.progress(done);
    expect((await watch.next()).value?.progress).toMatchObject({ done: 50 });
    run.done();
    const seen: string[] = [];
    for await (const { state } of watch) seen.push(state);
    expect(seen.at(-1)).toBe('done');
    // One that is over is seen once.
    const late: string[] = [];
    for await (const { state } of follow(queue, job.id)) late.push(state);
    expect(late).toEqual(['done']);
  });

  test('sees the end of one that was forgotten meanwhile', async () => {
    const { queue, submit, begun } = await openJobs(undefined);
    const job = await submit('a');
    await begun(1);
    const watch = follow(queue, job.id);
    await watch.next();
    await queue.remove(job.id);
    await queue.remove(job.id);
    expect((await watch.next()).value).toMatchObject({ state: 'cancelled' });
    expect((await watch.next()).done).toBe(true);
    expect(() => follow(queue, job.id)).toThrowError(expect.objectContaining({ code: 'unknown_training' }));
  });

  test('is let go when nobody listens any more, and when the queue stops', async () => {
    const { queue, submit, begun } = await openJobs(undefined);
    const job = await submit('a');
    await begun(1);
    const gone = new AbortController();
    const [one, other] = [follow(queue, job.id, gone.signal), follow(queue, job.id)];
    await one.next();
    await other.next();
    const ended = one.next();
    gone.abort();
    expect((await ended).done).toBe(true);
    const seen: string[] = [];
    const rest = (async () => {
      for await (const { state } of other) seen.push(state);
    })();
    await queue.stop();
    await rest;
    expect(seen.every((state) => state !== 'done')).toBe(true);
    const aborted = new AbortController();
    aborted.abort();
    expect((await follow(queue, job.id, aborted.signal).next()).done).toBe(true);
  });
});
