import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { codeOf, exchange, openSocket } from '../support/http-client.js';
import { temporaryFolder, writeTree } from '../support/model-folders.js';
import { run, serve } from '../support/process.js';
import { until } from '../support/worker-script.js';

const KEY = 'a-secret-of-the-tests';
const seven = new Uint8Array(await readFile(new URL('../../models/golden/digit-7.png', import.meta.url)));

describe('menagerie serve', () => {
  it('tells everything that is wrong with its settings at once and exits with 2', async () => {
    const { status, out, err } = await run(['serve', '--queue', 'long'], {
      PORT: '99999',
      MENAGERIE_WORKERS: '0',
      MENAGERIE_LOG_LEVEL: 'loud',
      MENAGERIE_ADMIN_KEY: 'short',
      MENAGERIE_COLOUR: 'blue',
    });
    expect([status, out]).toEqual([2, '']);
    for (const name of [
      'PORT',
      'MENAGERIE_WORKERS',
      'MENAGERIE_LOG_LEVEL',
      'MENAGERIE_ADMIN_KEY',
      'MENAGERIE_COLOUR',
      '--queue',
    ]) {
      expect(err).toContain(`${name}: `);
    }
    expect(err).toContain('MENAGERIE_COLOUR: no such setting');
    expect(err).not.toContain('short');
    expect(err).not.toMatch(/\bat .*\.js/);
  });

  it('does not start with a model directory, a model or an address that there is not', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void taken.close());
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const ends = await Promise.all([
      run(['serve'], { PORT: '0', MODEL_DIRS: '/nowhere/at/all' }),
      run(['serve'], { PORT: '0', MENAGERIE_MODELS: 'lenet5,nobody,lenet5:int8' }),
      run(['serve'], { PORT: String(port) }),
    ]);
    expect(ends.map(({ status }) => status)).toEqual([2, 2, 2]);
    const [directory, models, address] = ends.map(({ err }) => err);
    expect(directory).toContain('/nowhere/at/all');
    expect(models).toMatch(/no model "nobody"/);
    expect(models).toMatch(/"lenet5" has no variant "int8"/);
    expect(address).toMatch(new RegExp(`Cannot listen on 127\\.0\\.0\\.1:${port}: another process listens there`));
  });

  it('prints what it serves and where to look', async () => {
    const { url, err } = await serve();
    await until(() => err().includes('Metrics'), 'the banner');
    expect(err()).toMatch(/Serving\n {2}lenet5 +LeNet-5/);
    for (const path of ['/docs', '/models', '/metrics', '/classify?model=lenet5']) expect(err()).toContain(url + path);
  });

  it('logs one JSON object a line whatever is sent, and neither pictures nor the key', async () => {
    const { url, port, child, ended } = await serve({ MENAGERIE_ADMIN_KEY: KEY, MENAGERIE_LOG_LEVEL: 'trace' });
    const evil = '\r\n{"level":"fatal","msg":"forged"}';
    await fetch(`${url}/classify?model=${encodeURIComponent(evil)}`, { method: 'POST' });
    await fetch(`${url}/nothing${encodeURIComponent(evil)}`);
    await exchange(port, `GET /livez HTTP/1.1\r\nhost: x\r\nx-request-id: a"b\tc${'d'.repeat(100)}\r\n\r\n`);
    await exchange(port, 'GET /%zz HTTP/1.1\r\nhost: x\r\n\r\n');
    await exchange(port, 'no HTTP\r\n\r\n');
    const form = new FormData();
    form.append('image', new Blob([seven]), `${evil}.png`);
    form.append('image', new Blob(['MARKER-IN-THE-PICTURE']), 'b.png');
    expect((await fetch(`${url}/classify?model=lenet5`, { method: 'POST', body: form })).status).toBe(200);
    const wrong = { authorization: `Bearer ${KEY}-but-wrong` };
    expect(await codeOf(await fetch(`${url}/models/lenet5/load`, { method: 'POST', headers: wrong }))).toBe(
      'unauthorized',
    );
    const right = { authorization: `Bearer ${KEY}` };
    expect((await fetch(`${url}/models/lenet5/load`, { method: 'POST', headers: right })).status).toBe(200);
    const gone = await openSocket(port);
    gone.write(
      'POST /classify?model=lenet5 HTTP/1.1\r\nhost: x\r\ncontent-type: image/png\r\ncontent-length: 99\r\n\r\nabc',
    );
    gone.destroy();
    child.kill('SIGTERM');
    const { out, err } = await ended;

    const lines = out.trimEnd().split('\n');
    const entries = lines.map((line) => JSON.parse(line) as { level: string; msg: string; route?: string });
    expect(entries.every(({ level, msg }) => level !== 'fatal' && msg !== 'forged')).toBe(true);
    const routes = entries.flatMap(({ msg, route }) => (msg === 'request' ? [route] : []));
    expect(routes.filter((route) => route === '/classify').length).toBeGreaterThanOrEqual(2);
    expect(routes).toContain('/models/:id/load');
    expect(routes).toContain('unmatched');
    for (const secret of [KEY, 'MARKER-IN-THE-PICTURE', 'IHDR']) expect(out + err).not.toContain(secret);
  });
});

describe('the command line', () => {
  it('leaves nothing behind: no trace of reports by ONNX Runtime to its makers, which keep an identity and a store', async () => {
    const [home, temporary] = [await temporaryFolder(), await temporaryFolder()];
    const digit = fileURLToPath(new URL('../../models/golden/digit-7.png', import.meta.url));
    const env = { HOME: home, TMPDIR: temporary, XDG_CACHE_HOME: join(home, 'cache') };
    expect(await run(['classify', '--model', 'lenet5', digit], env)).toMatchObject({ status: 0, err: '' });
    expect(await run(['summary', 'lenet5'], env)).toMatchObject({ status: 0, err: '' });
    expect([...(await readdir(home)), ...(await readdir(temporary))]).toEqual([]);
  });

  it('explains itself', async () => {
    const [help, serveHelp, version, wrong, none] = await Promise.all([
      run(['--help']),
      run(['serve', '--help']),
      run(['--version']),
      run(['fly']),
      run(['pull']),
    ]);
    for (const command of ['serve', 'list', 'pull', 'classify']) expect(help.out).toContain(command);
    for (const name of ['--port', 'MENAGERIE_QUEUE', '--drain-timeout-ms', 'MODEL_DIRS'])
      expect(serveHelp.out).toContain(name);
    expect(version.out).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect([help, serveHelp, version, wrong, none].map(({ status }) => status)).toEqual([0, 0, 0, 2, 2]);
    expect(wrong.err).toContain('fly');
  });

  it('lists the models', async () => {
    const [text, json] = await Promise.all([run(['list']), run(['list', '--json'])]);
    expect([text.status, json.status]).toEqual([0, 0]);
    expect(text.out).toMatch(/^MODEL +VARIANT .*\n/);
    const { models, refused } = JSON.parse(json.out) as {
      models: { id: string; pulled: boolean }[];
      refused: unknown[];
    };
    expect(models).toContainEqual(expect.objectContaining({ id: 'lenet5', variant: 'fp32', pulled: true }));
    expect(refused).toEqual([]);
  });

  it('lists what it is asked to list', async () => {
    const folder = await temporaryFolder();
    await writeTree(folder, { 'a.png': seven });
    const classify = (...options: string[]) => run(['classify', `${folder}/a.png`, '-m', 'lenet5', ...options]);
    const sure = await classify('--min-score', '0.5', '--csv');
    expect(sure.out.trimEnd().split('\n')).toHaveLength(2);
    const grouped = await classify('--group', 'basic');
    expect(grouped.status).toBe(1);
    expect(grouped.out).toContain('"lenet5" has no groups: its class "0"');
    for (const wrong of [
      ['--min-score', '1.5'],
      ['--min-score', 'x'],
      ['--group', 'cat'],
    ]) {
      expect((await classify(...wrong)).status).toBe(2);
    }
  });

  it('classifies files and folders, and says which it could not', async () => {
    const folder = await temporaryFolder();
    await writeTree(folder, { 'a.png': seven, 'b, "c".png': 'no picture', 'deep/d.png': seven, 'notes.txt': 'text' });
    const classify = (...options: string[]) => run(['classify', folder, '-m', 'lenet5', '-k', '2', ...options]);
    const [text, json, csv] = [await classify(), await classify('--json'), await classify('--csv')];
    expect([text, json, csv].map(({ status }) => status)).toEqual([1, 1, 1]);
    expect(text.err).toContain('1 of 3 files');
    expect(text.out).toMatch(/a\.png\n +\d+\.\d\d % {2}7\n/);
    expect(text.out).toContain('[not_an_image]');

    const rows = json.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows).toMatchObject([
      { file: `${folder}/a.png`, predictions: [{ index: 7, label: '7' }, {}] },
      { file: `${folder}/b, "c".png`, error: { code: 'not_an_image' } },
      { file: `${folder}/deep/d.png`, predictions: [{ index: 7 }, {}] },
    ]);
    const table = csv.out.trimEnd().split('\n');
    expect(table[0]).toBe('file,rank,index,label,score,error,short_name');
    expect(table[1]).toMatch(/a\.png,1,7,7,0\.\d+,,7$|a\.png,1,7,7,1,,7$/);
    expect(table[3]).toBe(`"${folder}/b, ""c"".png",,,,,not_an_image,`);
    expect(table).toHaveLength(6);

    const good = await run(['classify', `${folder}/a.png`]);
    expect([good.status, good.err]).toEqual([0, '']);
    const missing = await run(['classify', `${folder}/nothing.png`]);
    expect([missing.status, missing.out]).toEqual([1, '']);
    expect(missing.err).toContain('nothing.png');
  });
});
