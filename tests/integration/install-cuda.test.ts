import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Member, zipOf } from '../support/archives.js';
import { temporaryFolder, writeTree } from '../support/model-folders.js';

// `npm run install:cuda` in a checkout of its own, with wheels made by hand.

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BESIDE = 'node_modules/onnxruntime-node/bin/napi-v6/linux/x64';
const CAPI = 'onnxruntime/capi';
const DIST_INFO = 'onnxruntime_gpu-1.2.3.dist-info';

/** What came with onnxruntime-node. */
const NPM = { 'libonnxruntime.so.1': 'the runtime of npm', 'onnxruntime_binding.node': 'the binding' };

/** A library for a machine of ELF's numbers: 62 is x86-64. */
const library = (name: string, machine = 62) => {
  const head = Buffer.alloc(64);
  head.write('\x7fELF\x02\x01', 'latin1');
  head.writeUInt16LE(machine, 18);
  const code = Array.from({ length: 200 }, (_, i) => createHash('sha256').update(`${name} ${i}`).digest());
  return Buffer.concat([head, ...code]);
};
const LIBRARIES: Record<string, Buffer> = {
  [`${CAPI}/libonnxruntime.so.1.2.3`]: library('runtime'),
  [`${CAPI}/libonnxruntime_providers_shared.so`]: library('shared'),
  [`${CAPI}/libonnxruntime_providers_cuda.so`]: library('cuda'),
};
const FROM_WHEEL = {
  'libonnxruntime.so.1': LIBRARIES[`${CAPI}/libonnxruntime.so.1.2.3`]?.toString('latin1'),
  'libonnxruntime.so.1.npm': NPM['libonnxruntime.so.1'],
  'libonnxruntime_providers_cuda.so': LIBRARIES[`${CAPI}/libonnxruntime_providers_cuda.so`]?.toString('latin1'),
  'libonnxruntime_providers_shared.so': LIBRARIES[`${CAPI}/libonnxruntime_providers_shared.so`]?.toString('latin1'),
  'onnxruntime_binding.node': NPM['onnxruntime_binding.node'],
};

/** The line of RECORD for a file. */
const listed = (path: string, data: Uint8Array) =>
  `${path},sha256=${createHash('sha256').update(data).digest('base64url')},${data.length}`;

/** A wheel as pip takes it; what is given replaces members by their names, or adds some. */
function wheelOf(
  { libraries = LIBRARIES, record, info = DIST_INFO, more = [] as Member[] } = {} as {
    libraries?: Record<string, Buffer>;
    record?: string;
    info?: string;
    more?: Member[];
  },
): Buffer {
  const lines = Object.entries(libraries).map(([path, data]) => listed(path, data));
  const files = Object.entries(libraries).map(([name, data]): Member => ({ name, data }));
  const text = record ?? [...lines, `${info}/RECORD,,`, ''].join('\n');
  return zipOf({ name: `${CAPI}/`, mode: 0o040755 }, ...files, ...more, { name: `${info}/RECORD`, data: text });
}

/** A checkout with nothing but the script, and a runtime of version 1.2.3. */
async function checkout() {
  const root = await temporaryFolder();
  await writeTree(root, {
    'package.json': '{ "type": "module" }',
    'node_modules/onnxruntime-node/package.json': '{ "name": "onnxruntime-node", "version": "1.2.3" }',
    'node_modules/onnxruntime-node/script/install.js': `
      require('node:fs').writeFileSync(__dirname + '/../${BESIDE.split('onnxruntime-node/')[1]}/libonnxruntime_providers_cuda.so', process.argv[2]);`,
    ...Object.fromEntries(Object.entries(NPM).map(([name, content]) => [`${BESIDE}/${name}`, content])),
  });
  for (const folder of ['cuda', 'shared']) {
    await cp(join(ROOT, 'scripts', folder), join(root, 'scripts', folder), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules/yauzl'), join(root, 'node_modules/yauzl'));
  const folder = join(root, BESIDE);
  return {
    folder,
    /** Runs the script with a shell's command before it. */
    async run(args: string[], before = '') {
      const command = `${before} exec "$0" "$@"`;
      const script = join(root, 'scripts/cuda/install.mjs');
      const child = spawn('sh', ['-c', command, process.execPath, script, ...args], { cwd: root });
      onTestFinished(() => void child.kill('SIGKILL'));
      const [[status], out, err] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);
      return { status, out, err };
    },
    async wheel(bytes: Buffer) {
      await writeFile(join(root, 'a.whl'), bytes);
      return ['--wheel', 'a.whl'];
    },
    async files() {
      const names = (await readdir(folder)).sort();
      return Object.fromEntries(
        await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'latin1')] as const)),
      );
    },
  };
}

describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')('npm run install:cuda', () => {
  test('puts the three libraries of a wheel in place, once, and takes them away', async () => {
    const { run, wheel, files } = await checkout();
    const args = await wheel(wheelOf());
    expect(await run(args)).toMatchObject({ status: 0, err: '', out: expect.stringContaining('1.2.3 is in place') });
    expect(await files()).toEqual(FROM_WHEEL);
    expect(await run(args)).toMatchObject({ status: 0, out: expect.stringContaining('in place already') });
    expect(await files()).toEqual(FROM_WHEEL);
    expect(await run(['--undo'])).toMatchObject({ status: 0, out: 'The CUDA provider is gone.\n' });
    expect(await files()).toEqual(NPM);
    expect(await run(['--undo'])).toMatchObject({ status: 0, out: 'There is no CUDA provider to take away.\n' });
    expect(await files()).toEqual(NPM);
  });

  test('mends what was changed afterwards, and keeps what came with npm', async () => {
    const { run, wheel, files, folder } = await checkout();
    const args = await wheel(wheelOf());
    await run(args);
    await writeFile(join(folder, 'libonnxruntime.so.1'), 'damaged');
    await rm(join(folder, 'libonnxruntime_providers_shared.so'));
    expect((await run(args)).status).toBe(0);
    expect(await files()).toEqual(FROM_WHEEL);
  });

  test('replaces the provider of CUDA 12 and what a killed installation left, and is replaced by it', async () => {
    const { run, wheel, files, folder } = await checkout();
    for (const name of ['cuda', 'tensorrt']) await writeFile(join(folder, `libonnxruntime_providers_${name}.so`), '12');
    await mkdir(join(folder, '.cuda.partial'));
    await writeFile(join(folder, '.cuda.partial/libonnxruntime.so.1'), 'half');
    expect((await run(await wheel(wheelOf()))).status).toBe(0);
    expect(await files()).toEqual(FROM_WHEEL);

    expect((await run([])).status).toBe(0);
    const fetched = { 'libonnxruntime_providers_cuda.so': '--onnxruntime-node-install' };
    expect(await files()).toEqual({ ...NPM, ...fetched });
  });

  const [RUNTIME = '', , CUDA = ''] = Object.keys(LIBRARIES);
  const DATA = LIBRARIES[CUDA] as Buffer;
  const others = Object.entries(LIBRARIES).filter(([path]) => path !== CUDA);
  const without = Object.fromEntries(others);
  const records = Object.entries(LIBRARIES).map(([path, data]) => listed(path, data));
  const stated = (size: number) => {
    const record = [...others.map(([path, data]) => listed(path, data)), listed(CUDA, DATA).replace(/\d+$/, `${size}`)];
    return wheelOf({
      libraries: without,
      record: record.join('\n'),
      more: [{ name: CUDA, data: DATA, stated: { size } }],
    });
  };

  test.each<[string, Buffer, RegExp]>([
    [
      'of another version',
      wheelOf({ info: 'onnxruntime_gpu-1.2.4.dist-info' }),
      /"onnxruntime_gpu-1\.2\.4" is in the wheel, and wanted is onnxruntime-gpu 1\.2\.3/,
    ],
    ['of another package', wheelOf({ info: 'onnxruntime-1.2.3.dist-info' }), /"onnxruntime-1\.2\.3" is in the wheel/],
    ['that is none', zipOf({ name: 'a.txt', data: 'a' }), /no Python package/],
    ['of two packages', wheelOf({ more: [{ name: 'onnxruntime_gpu-1.2.4.dist-info/RECORD' }] }), /RECORD twice/],
    [
      'with other bytes than it lists',
      wheelOf({ record: records.join('\n').replace(/(cuda\.so,sha256=)./, '$1_') }),
      /providers_cuda\.so is not what the wheel lists/,
    ],
    [
      'with another size than it lists',
      wheelOf({ record: records.join('\n').replace(/\d+$/, '7') }),
      /does not have the size it lists/,
    ],
    [
      'that lists no hash',
      wheelOf({ record: records.slice(0, 2).join('\n') }),
      /does not list one hash of .*providers_cuda\.so/,
    ],
    ['that lists two hashes', wheelOf({ record: [...records, ...records].join('\n') }), /does not list one hash/],
    [
      'for Windows',
      wheelOf({ libraries: { [`${CAPI}/onnxruntime.dll`]: DATA } }),
      /has no .*libonnxruntime\.so\.1\.2\.3: it is not one for Linux/,
    ],
    [
      'for ARM',
      wheelOf({ libraries: { ...LIBRARIES, [RUNTIME]: library('runtime', 183) } }),
      /libonnxruntime\.so\.1 is not a library for Linux on x86-64/,
    ],
    [
      'with text for a library',
      wheelOf({ libraries: { ...LIBRARIES, [CUDA]: Buffer.from('text') } }),
      /providers_cuda\.so is not a library/,
    ],
    [
      'whose library is a link',
      wheelOf({
        libraries: without,
        record: records.join('\n'),
        more: [{ name: CUDA, data: '/etc/passwd', mode: 0o120777 }],
      }),
      /providers_cuda\.so in the wheel is not a file/,
    ],
    ['with a library twice', wheelOf({ more: [{ name: CUDA, data: DATA }] }), /has .*providers_cuda\.so twice/],
    [
      'with a name that leads out',
      wheelOf({ more: [{ name: '../../outside', data: 'x' }] }),
      /cannot be read: .*\.\.\/\.\.\/outside/,
    ],
    ['with a library of gigabytes', stated(2 ** 31), /more than 1073741824 bytes/],
    ['that holds more than it says', stated(100), /cannot be read: too many bytes/],
    ['that holds less than it says', stated(DATA.length + 100), /cannot be read: not enough bytes/],
    [
      'that is encrypted',
      wheelOf({ libraries: without, record: records.join('\n'), more: [{ name: CUDA, data: DATA, flags: 1 }] }),
      /cannot be read: entry is encrypted/,
    ],
    ['that is cut off', wheelOf().subarray(0, -100), /cannot be read/],
    ['that is empty', Buffer.alloc(0), /cannot be read/],
  ])('refuses a wheel %s, and changes nothing', async (_, bytes, reason) => {
    const { run, wheel, files } = await checkout();
    const { status, out, err } = await run(await wheel(bytes));
    expect(err).toMatch(reason);
    expect(err.split('\n')).toHaveLength(2);
    expect([status, out]).toEqual([1, '']);
    expect(await files()).toEqual(NPM);
  });

  test('refuses damage anywhere in a library', async () => {
    const { run, wheel, files } = await checkout();
    const packed = deflateRawSync(DATA);
    for (const share of [0, 0.5, 0.99]) {
      const bytes = wheelOf();
      const at = bytes.indexOf(packed) + Math.floor(share * packed.length);
      bytes.writeUInt8((bytes[at] as number) ^ 0x55, at);
      expect((await run(await wheel(bytes))).err).toMatch(/its hash differs|cannot be read/);
      expect(await files()).toEqual(NPM);
    }
  });

  test('leaves everything as it was where the disk is full, or closed to it', async () => {
    const { run, wheel, files, folder } = await checkout();
    const args = await wheel(wheelOf());
    // No file may become longer than that; the signal is ignored, so that writing fails.
    const full = await run(args, "trap '' XFSZ; ulimit -f 4;");
    expect(full).toMatchObject({ status: 1, err: expect.stringMatching(/EFBIG/) });
    expect(await files()).toEqual(NPM);
    if (process.getuid?.() === 0) return;
    await chmod(folder, 0o555);
    onTestFinished(() => chmod(folder, 0o755));
    expect(await run(args)).toMatchObject({ status: 1, err: expect.stringMatching(/EACCES/) });
    expect(await files()).toEqual(NPM);
  });

  test('refuses what is no file, and contradicting options', async () => {
    const { run, folder } = await checkout();
    expect(await run(['--wheel', 'none.whl'])).toMatchObject({ status: 1, err: expect.stringMatching(/ENOENT/) });
    expect(await run(['--wheel', folder])).toMatchObject({ status: 1, err: `${folder} is not a file.\n` });
    expect(await run(['--wheel', 'a.whl', '--undo'])).toMatchObject({ status: 2 });
    expect(await run(['--help'])).toMatchObject({ status: 0, out: expect.stringContaining('onnxruntime-gpu==1.2.3') });
  });
});
