import { execFileSync } from 'node:child_process';
import { mkdirSync, openSync, readFileSync } from 'node:fs';
import { appendFile, chmod, link, mkdir, readdir, readFile, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryFolder, writeTree } from '../support/model-folders.js';
import { run, start } from '../support/process.js';
import { until } from '../support/worker-script.js';

// Whole folders on the command line, with what real ones hold.

const DIGIT = fileURLToPath(new URL('../../models/golden/digit-7.png', import.meta.url));
const seven = readFileSync(DIGIT);
const heic = Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1');

const args = (...more: string[]) => ['classify', '-m', 'lenet5', '-k', '2', ...more];
const linesOf = async (file: string) => (await readFile(file, 'utf8')).trimEnd().split('\n');
const filesOf = async (file: string) => (await linesOf(file)).map((line) => JSON.parse(line).file as string);

/** A folder of oddities, and what is to be said of each of its files. */
async function oddFolder(): Promise<string> {
  const root = join(await temporaryFolder(), 'pictures');
  await writeTree(root, {
    'a.png': seven,
    'b/heic.HEIC': heic,
    'b/bitmap.bmp': Buffer.concat([Buffer.from('BM'), Buffer.alloc(60)]),
    'b/raw.nef': Buffer.concat([Buffer.from('II*\0'), Buffer.alloc(60)]),
    'b/none': seven,
    'b/e.jfif': seven,
    'c/new\nline.png': seven,
    'c/=1+1.png': seven,
    'c/damaged.png': seven.subarray(0, 60),
    'c/empty.jpg': '',
    'c/notes.txt': 'hello',
    '.hidden/a.png': seven,
    '__MACOSX/._a.png': 'x',
    '._a.png': 'x',
  });
  await writeFile(Buffer.from(`${root}/caf\xe9.png`, 'latin1'), seven);
  execFileSync('mkfifo', [join(root, 'c/fifo.png')]);
  await symlink('..', join(root, 'c/up'));
  await symlink('self', join(root, 'c/self.png'));
  return root;
}

describe('a folder with every oddity', () => {
  it('is classified, with a word on each file that is not', async () => {
    const root = await oddFolder();
    const out = join(root, 'results.jsonl');
    const { status, err } = await run(args(root, join(root, 'missing.png'), '--out', out));
    const lines = (await linesOf(out)).map((line) => JSON.parse(line));
    const said = lines.map(({ file, predictions, error }) => [
      file.slice(root.length + 1),
      predictions ? predictions[0].label : error.code,
    ]);
    expect(said).toEqual([
      ['a.png', '7'],
      ['b/bitmap.bmp', 'unsupported_image_format'],
      ['b/e.jfif', '7'],
      ['b/heic.HEIC', 'unsupported_image_format'],
      ['b/none', '7'],
      ['b/raw.nef', 'unsupported_image_format'],
      ['c/=1+1.png', '7'],
      ['c/damaged.png', 'corrupt_image'],
      ['c/empty.jpg', 'empty_body'],
      ['c/fifo.png', 'io_error'],
      ['c/new\\x0Aline.png', '7'],
      ['c/self.png', 'io_error'],
      ['caf\\xE9.png', '7'],
      ['missing.png', 'io_error'],
    ]);
    expect(status).toBe(1);
    for (const [name, why] of [
      ['._a.png', 'file of the system'],
      ['.hidden', 'hidden'],
      ['__MACOSX', 'file of the system'],
      ['c/notes.txt', 'not a picture'],
      ['c/up', 'link to a folder'],
    ]) {
      expect(err).toContain(`${join(root, `${name}`)}: left out: ${why}\n`);
    }
    expect(err).toContain('6 classified, 8 failed.');
    expect(err).toContain('Left out: 2 file of the system, 1 hidden, 1 not a picture, 1 link to a folder.');
    expect(err).toMatch(/1 is HEIC[\s\S]*sips[\s\S]*heif-convert[\s\S]*magick/);
    // Neither its own results nor what lies beside them.
    expect(err).not.toContain('results.jsonl: left out');
    expect(await readdir(root)).not.toContain('results.jsonl.lock');

    // Once more: nothing is done again, and the same is said.
    const before = await readFile(out, 'utf8');
    const again = await run(args(root, '--out', out));
    expect([again.status, await readFile(out, 'utf8')]).toEqual([1, before]);
    expect((await run(args(root, '--out', out, '--failed-ok'))).status).toBe(0);
    expect(again.err).toContain('14 of these are from before');

    // What may be otherwise now, when asked for.
    await writeFile(join(root, 'c/damaged.png'), seven);
    await run(args(root, '--out', out, '--retry-failed'));
    const after = await filesOf(out);
    expect(new Set(after).size).toBe(after.length);
    expect(await readFile(out, 'utf8')).toMatch(/damaged\.png","width/);
  });
});

describe('a run', () => {
  it('that is stopped or killed goes on where it was, and loses and doubles nothing', {
    timeout: 120_000,
  }, async () => {
    const root = await temporaryFolder();
    const pictures = join(root, 'pictures');
    mkdirSync(pictures);
    const names = Array.from({ length: 500 }, (_, i) => `${String(i).padStart(4, '0')}.png`);
    for (const name of names)
      await link(DIGIT, join(pictures, name)).catch(() => writeFile(join(pictures, name), seven));
    const out = join(root, 'r.csv');
    const count = async () => (await readFile(out, 'utf8').catch(() => '')).split('\n').length;

    const first = start(args(pictures, '--out', out));
    await until(async () => (await count()) > 20, 'some results');
    first.child.kill('SIGTERM');
    const stopped = await first.ended;
    expect(stopped.status).toBe(143);
    expect(stopped.err).toContain('The same command goes on from here.');

    const reached = await count();
    expect(reached).toBeLessThan(2 * names.length);
    const second = start(args(pictures, '--out', out));
    await until(async () => (await count()) > reached + 20, 'more results');
    // It stands still meanwhile: else it might be through before the other asks.
    second.child.kill('SIGSTOP');
    // Two at once would mix their lines.
    const beside = await run(args(pictures, '--out', out));
    expect([beside.status, beside.err]).toEqual([
      1,
      expect.stringMatching(/^\S+ is being written by process \d+\..*\[io_error\]\n$/),
    ]);
    second.child.kill('SIGKILL');
    await second.ended;
    await appendFile(out, `${join(pictures, 'x')},1,7`);

    const third = await run(args(pictures, '--out', out));
    expect(third.status).toBe(0);
    const [header, ...rows] = await linesOf(out);
    expect(header).toBe('file,rank,index,label,score,error,short_name');
    expect(rows.map((row) => row.split(',').slice(0, 2).join())).toEqual(
      names.flatMap((name) => [`${join(pictures, name)},1`, `${join(pictures, name)},2`]),
    );

    const other = await run(['classify', '-m', 'lenet5', '-k', '3', pictures, '--out', out]);
    expect([other.status, other.err]).toEqual([2, expect.stringMatching(/top_k was 2, now 3/)]);
  });

  it('in parts does every file once, wherever the folder lies', async () => {
    const root = await temporaryFolder();
    const [here, there] = [join(root, 'here'), join(root, 'there')];
    const files = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`d/${i}.png`, seven]));
    await writeTree(here, files);
    await writeTree(there, files);
    const parts = await Promise.all(
      [here, there, here].map(async (folder, i) => {
        const out = join(root, `part-${i + 1}.csv`);
        expect((await run(args(folder, '--out', out, '--shard', `${i + 1}/3`))).status).toBe(0);
        return readFile(out, 'utf8');
      }),
    );
    const [header, ...rows] = parts.join('').trimEnd().split('\n');
    expect(header).toMatch(/^file,rank/);
    const done = rows.map((row) => row.replace(/^.*\/(d\/\d+\.png),(\d).*/, '$1 $2')).sort();
    expect(done).toEqual(
      Object.keys(files)
        .flatMap((name) => [`${name} 1`, `${name} 2`])
        .sort(),
    );
  });
});

describe('paths from the input', () => {
  it('may be lines, UTF-16, or ended by NUL bytes, and not UTF-8', async () => {
    const root = await temporaryFolder();
    await writeTree(root, { 'a.png': seven, 'é.png': seven, 'f/b.png': seven });
    const odd = Buffer.from(`${root}/x\xff\n.png`, 'latin1');
    await writeFile(odd, seven);
    const list = `${root}/a.png\r\n${root}/é.png\r\n\r\n${root}/gone.png\r\n${root}/f`;
    const lists: [string, Buffer, string[], string[]][] = [
      ['lines', Buffer.from(list), ['--stdin'], ['a.png', 'é.png', 'gone.png', 'f/b.png']],
      ['utf16', Buffer.from(`\uFEFF${list}`, 'utf16le'), ['--stdin'], ['a.png', 'é.png', 'gone.png', 'f/b.png']],
      ['nul', Buffer.concat([Buffer.from(`${root}/a.png\0`), odd]), ['-0'], ['a.png', 'x\\xFF\\x0A.png']],
    ];
    for (const [name, content, flags, files] of lists) {
      await writeFile(join(root, name), content);
      const { status, out } = await run(args('--json', ...flags), {}, { in: openSync(join(root, name), 'r') });
      const found = out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).file.slice(root.length + 1));
      expect([name, found]).toEqual([name, files]);
      expect(status).toBe(files.includes('gone.png') ? 1 : 0);
    }
  });

  it('are not waited for when it is stopped', async () => {
    const running = start(args('--json', '--stdin'), {}, { in: 'pipe' });
    running.child.stdin?.write(`${DIGIT}\n`);
    await until(async () => running.out().includes('digit-7'), 'the first result');
    running.child.kill('SIGINT');
    expect((await running.ended).status).toBe(130);
  });
});

describe('sidecars', () => {
  it('hold keywords, keep what is there, and are left alone when nothing changes', async () => {
    const root = await temporaryFolder();
    await writeTree(root, { 'a.png': seven, 'b.png': seven, 'c.png': seven, 'c.png.xmp': 'no XMP' });
    await chmod(join(root, 'a.png'), 0o444);
    const first = await run(args(root, '--json', '--xmp'));
    expect(first.status).toBe(1);
    expect(first.out).toMatch(/c\.png","error":\{"code":"invalid_sidecar"/);
    const sidecar = await readFile(join(root, 'a.png.xmp'), 'utf8');
    expect(sidecar).toMatch(/<rdf:li>7<\/rdf:li>/);
    await writeFile(
      join(root, 'b.png.xmp'),
      sidecar.replace('>7<', '>mine<').replace(/\n *<menagerie:[\s\S]*Picture>/, ''),
    );

    await unlink(join(root, 'c.png.xmp'));
    expect((await run(args(root, '--json', '--xmp'))).status).toBe(0);
    expect(await readFile(join(root, 'a.png.xmp'), 'utf8')).toBe(sidecar);
    expect(await readFile(join(root, 'b.png.xmp'), 'utf8')).toMatch(/>mine<[\s\S]*>7</);
    const before = await Promise.all((await readdir(root)).map((name) => readFile(join(root, name))));
    expect((await run(args(root, '--json', '--xmp'))).status).toBe(0);
    expect(await Promise.all((await readdir(root)).map((name) => readFile(join(root, name))))).toEqual(before);
    expect(await readFile(join(root, 'a.png'))).toEqual(seven);

    // Too little is certain: what was written goes.
    await run(args(root, '--json', '--xmp', '--xmp-min-score', '1'));
    expect(await readFile(join(root, 'b.png.xmp'), 'utf8')).not.toContain('>7<');
  });

  it('may be called as Lightroom does, one for one picture', async () => {
    const root = await temporaryFolder();
    await writeTree(root, { 'a.jpg': seven, 'a.png': seven });
    const { status, out } = await run(args(root, '--json', '--xmp', 'stem'));
    expect([status, await readdir(root)]).toEqual([1, ['a.jpg', 'a.png', 'a.xmp']]);
    expect(out).toMatch(/a\.png","error":\{"code":"invalid_sidecar","detail":"[^"]*it has the keywords of a\.jpg/);
  });
});

it('says in one line what is wrong with its arguments', async () => {
  const root = await temporaryFolder();
  await mkdir(join(root, 'empty'));
  const cases: [string[], number, RegExp][] = [
    [[], 2, /Name files or folders/],
    [[root, '--out', 'x.txt'], 2, /must end with \.csv or \.jsonl/],

    [[root, '--retry-failed'], 2, /needs --out/],
    [[root, '--shard', '5/4'], 2, /3\/16/],
    [[join(root, 'empty')], 2, /no pictures in/],
    [[join(root, 'none')], 1, /There is no file .*none/],
    [[root, '--xmp-min-score', '2'], 2, /from 0 to 1/],
  ];
  await Promise.all(
    cases.map(async ([more, status, message]) => {
      const ended = await run(args(...more));
      expect([more, ended.status, ended.err]).toEqual([more, status, expect.stringMatching(message)]);
      expect(ended.err).not.toContain('    at ');
    }),
  );
}, 60_000);
