import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseTrainingReport } from '../../src/training/report/training-report.js';
import { temporaryFolder, writeTree } from '../support/model-folders.js';
import { childrenOf, run, start } from '../support/process.js';
import { drawn, leftovers, writeSet } from '../support/trainings.js';
import { until } from '../support/worker-script.js';

// `menagerie transfer`, each time a process of its own, over one data directory.

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const BASE = 'cifar10-resnet20';
const ROOT = await temporaryFolder();
const DATA = join(ROOT, 'data');
const SET = join(ROOT, 'set');
const ENV = { MENAGERIE_DATA_DIR: DATA, MENAGERIE_WORKERS: '1' };
const transfer = (id: string, ...more: string[]) => run(['transfer', BASE, '--data', SET, '--id', id, ...more], ENV);

await writeSet(SET, { red: 6, green: 6 });
await writeSet(join(ROOT, 'val'), { red: 2, green: 2 }, 500);
await writeSet(join(ROOT, 'one'), { red: 2 });
await writeTree(ROOT, { 'picture.png': await drawn('green', 77) });

describe('menagerie transfer', () => {
  test('prints its report as text, and the model answers', async () => {
    const { status, out, err } = await transfer('mine', '--val', join(ROOT, 'val'));
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toContain('mine');
    expect(out).toContain('Few pictures');
    const asked = await run(['classify', '--model', 'mine', '--json', join(ROOT, 'picture.png')], ENV);
    expect(JSON.parse(asked.out)).toMatchObject({ predictions: [{ label: 'green' }, { label: 'red' }] });
    expect(leftovers(DATA)).toEqual([]);
  });

  test('prints it as JSON, and writes it as a page; the second time nothing is computed', async () => {
    const page = join(ROOT, 'report.html');
    const { status, out, err } = await transfer(
      'mine',
      '--json',
      '--html',
      page,
      '--hidden',
      '4',
      '--title',
      'Red, green',
    );
    expect({ status, err }).toEqual({ status: 0, err: '' });
    const report = parseTrainingReport(out, 'the output');
    expect(report).toMatchObject({ id: 'mine', cost: { computed: 0, cache_hits: 12 }, data: { train: 12 } });
    expect(readFileSync(page, 'utf8')).toMatch(/^<!doctype html>/i);
    expect(JSON.stringify(report)).not.toContain(ROOT);
    expect(readFileSync(join(DATA, 'models/mine/manifest.json'), 'utf8')).toContain('Red, green');
    expect(existsSync(join(DATA, 'models/mine/manifest.previous.json'))).toBe(true);
  });

  test.each([
    ['without an id', ['transfer', BASE, '--data', SET], 2, '--id'],
    ['without pictures', ['transfer', BASE, '--id', 'x'], 2, '--data'],
    ['with an id that is none', ['transfer', BASE, '--data', SET, '--id', 'No!'], 2, 'No!'],
    ['with a depth that is none', ['transfer', BASE, '--data', SET, '--id', 'x', '--depth', 'deep'], 2, 'deep'],
    ['with a variant that is none', ['transfer', BASE, '--data', SET, '--id', 'x', '--variant', 'int4'], 2, 'int4'],
    ['with a hidden layer that is none', ['transfer', BASE, '--data', SET, '--id', 'x', '--hidden', 'x'], 2, 'x'],
    ['of an unknown base', ['transfer', 'nothing', '--data', SET, '--id', 'x'], 1, 'nothing'],
    ['for the id of a bundled model', ['transfer', BASE, '--data', SET, '--id', 'lenet5'], 1, 'lenet5'],
    [
      'on a folder that is not there',
      ['transfer', BASE, '--data', join(ROOT, 'no'), '--id', 'x'],
      1,
      'it is not there',
    ],
    ['on one class', ['transfer', BASE, '--data', join(ROOT, 'one'), '--id', 'x'], 1, 'only the class "red"'],
    [
      'with a page that cannot be written',
      ['transfer', BASE, '--data', SET, '--id', 'x', '--html', ROOT],
      1,
      'it is a folder',
    ],
  ])('%s ends with a message and nothing else', async (_case, args, status, message) => {
    const ended = await run(args, ENV);
    expect({ status: ended.status, out: ended.out }).toEqual({ status, out: '' });
    expect(ended.err).toContain(message);
    expect(ended.err).not.toContain('    at ');
    expect(existsSync(join(DATA, 'models/x'))).toBe(false);
    expect(leftovers(DATA)).toEqual([]);
  });

  test.runIf(process.platform === 'linux')('ends with 130 at Ctrl-C, and writes nothing', async () => {
    await writeSet(join(ROOT, 'many'), { red: 200, green: 200 }, 9000);
    const running = start(['transfer', BASE, '--data', join(ROOT, 'many'), '--id', 'stopped'], ENV);
    const { child, ended } = running;
    const trains = (pid: string) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('trainer-main');
    await until(() => childrenOf(running).some(trains), 'it to train');
    child.kill('SIGINT');
    expect(await ended).toEqual({ status: 130, out: '', err: '' });
    expect(existsSync(join(DATA, 'models/stopped'))).toBe(false);
    expect(leftovers(DATA)).toEqual([]);
  });

  test.runIf(process.platform === 'linux')('shows how far it is on a terminal, and the report elsewhere', async () => {
    const out = join(ROOT, 'out.json');
    const command = `'${process.execPath}' '${MAIN}' transfer ${BASE} --data '${SET}' --id shown --json > '${out}'`;
    const env = { PATH: process.env.PATH, SHELL: '/bin/sh', ...ENV };
    const terminal = spawn('script', ['-q', '-e', '-c', command, '/dev/null'], {
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    onTestFinished(() => void terminal.kill('SIGKILL'));
    let screen = '';
    terminal.stdout.on('data', (chunk) => (screen += chunk));
    const [status] = await once(terminal, 'close');
    expect(status).toBe(0);
    for (const words of [
      'looking for pictures',
      'computing features',
      'training the classifier',
      'checking the model',
    ]) {
      expect(screen).toContain(words);
    }
    await until(() => existsSync(out), 'the report');
    expect(parseTrainingReport(readFileSync(out, 'utf8'), out).id).toBe('shown');
    // The line is removed at the end.
    expect(screen.trimEnd().split('\r').at(-1)).not.toContain('%');
  });
});
