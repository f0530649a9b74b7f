import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type CudaObstacle, planProviders, readNeeds } from '../../../src/runtime/device/providers.js';
import { runtimeReason } from '../../../src/runtime/device/runtime-reason.js';
import { layersElsewhere } from '../../../src/runtime/networks/profile.js';
import { temporaryFolder } from '../../support/model-folders.js';

const absent: CudaObstacle = { kind: 'not_installed' };
const broken: CudaObstacle = { kind: 'missing_libraries', names: ['libcudnn.so.9', 'libcublas.so.12'] };

test('the CPU is taken without a look at CUDA', () => {
  const never = () => {
    throw new Error('looked');
  };
  expect(planProviders('cpu', never)).toEqual({ providers: ['cpu'], fallback: undefined });
});

test('CUDA goes first where nothing is in its way', () => {
  for (const device of ['auto', 'cuda', 'cuda-required'] as const) {
    expect(planProviders(device, () => undefined)).toEqual({ providers: ['cuda', 'cpu'], fallback: undefined });
  }
});

test('only auto takes a machine without CUDA as a matter of course', () => {
  expect(planProviders('auto', () => absent)).toEqual({ providers: ['cpu'], fallback: undefined });
  const { providers, fallback } = planProviders('cuda', () => absent);
  expect(providers).toEqual(['cpu']);
  expect(fallback).toMatch(/^cuda: .*not installed/);
  expect(() => planProviders('cuda-required', () => absent)).toThrow(/cuda-required, but .*not installed/);
});

test('an installed CUDA that lacks libraries is reported whatever was asked for, by their names', () => {
  for (const device of ['auto', 'cuda'] as const) {
    const { providers, fallback } = planProviders(device, () => broken);
    expect(providers).toEqual(['cpu']);
    expect(fallback).toMatch(/libcudnn\.so\.9, libcublas\.so\.12/);
  }
  expect(() => planProviders('cuda-required', () => broken)).toThrow(/libcudnn\.so\.9/);
});

describe('what a provider needs', () => {
  /** What the loader says, by way of a program called `ldd`. */
  const loaderSays = async (out: string[], err: string[] = []) => {
    const folder = await temporaryFolder();
    const script = `#!/bin/sh\ncat <<'END'\n${out.join('\n')}\nEND\ncat >&2 <<'END'\n${err.join('\n')}\nEND\n`;
    writeFileSync(join(folder, 'ldd'), script);
    chmodSync(join(folder, 'ldd'), 0o755);
    // The real loader would say something of its own about cuDNN to each program that the script runs.
    writeFileSync(join(folder, 'env'), '#!/bin/sh\nshift\nexec "$@"\n');
    chmodSync(join(folder, 'env'), 0o755);
    vi.stubEnv('PATH', `${folder}:${process.env.PATH}`);
    onTestFinished(() => void vi.unstubAllEnvs());
  };
  const found = (name: string) => `\t${name} => /usr/lib/x86_64-linux-gnu/${name} (0x00007f)`;

  test('is its CUDA, and the libraries that the loader does not find', async () => {
    await loaderSays([
      '\tlinux-vdso.so.1 (0x00007ffd)',
      '\tlibcublasLt.so.12 => not found',
      found('libc.so.6'),
      '\tlibcudart.so.12 => not found',
      '\tlibcudnn.so.9 => not found',
    ]);
    expect(readNeeds('any.so')).toEqual({
      cuda: '12',
      missing: ['libcublasLt.so.12', 'libcudart.so.12', 'libcudnn.so.9'],
    });
  });

  test('is known where nothing is missing', async () => {
    await loaderSays([found('libcublas.so.13'), found('libcudart.so.13'), found('libcudnn.so.9')]);
    expect(readNeeds('any.so')).toEqual({ cuda: '13', missing: [] });
  });

  test.each(['stdout', 'stderr'])('includes cuDNN though it is not linked with it (said on %s)', async (where) => {
    const line = `ERROR: ld.so: object 'libcudnn.so.9' from LD_PRELOAD cannot be preloaded (cannot open shared object file): ignored.`;
    const out = [found('libcudart.so.13')];
    await (where === 'stdout' ? loaderSays([line, ...out, line]) : loaderSays(out, [line, line]));
    expect(readNeeds('any.so')).toEqual({ cuda: '13', missing: ['libcudnn.so.9'] });
  });

  test('is nothing known where nobody can say', async () => {
    vi.stubEnv('PATH', await temporaryFolder());
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(readNeeds('any.so')).toEqual({ cuda: undefined, missing: [] });
  });

  test.runIf(process.platform === 'linux')('is asked of the real loader', () => {
    const { missing } = readNeeds(process.execPath);
    const [cudnn] = spawnSync('sh', ['-c', 'ldconfig -p 2> /dev/null | grep -c libcudnn.so.9'], {
      encoding: 'utf8',
    }).stdout;
    expect(missing).toEqual(cudnn === '0' ? ['libcudnn.so.9'] : []);
  });
});

test("the runtime's reasons lose the folders of this machine, and all but the first line", () => {
  const error = new Error(
    'Load model from /srv/my models/a.onnx failed: /opt/ort/lib/libx.so.1: cannot open shared object\n at line 4',
  );
  expect(runtimeReason(error, '/srv/my models/a.onnx')).toBe(
    'Load model from a.onnx failed: libx.so.1: cannot open shared object',
  );
  expect(runtimeReason('x'.repeat(5000), 'f')).toHaveLength(300);
});

test('of a failure of CUDA what CUDA says remains, and not the name of the machine', () => {
  const call =
    'std::conditional_t<THRW, void, onnxruntime::common::Status> onnxruntime::CudaCall(ERRTYPE, const char*, int) ' +
    '[with ERRTYPE = cudaError; bool THRW = true; std::conditional_t<THRW, void, common::Status> = void]';
  const error = new Error(
    `/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:154 ${call} /onnxruntime_src/onnxruntime/core/providers/cuda/` +
      `cuda_call.cc:146 ${call} CUDA failure 100: no CUDA-capable device is detected ; GPU=-1 ; hostname=vm ; ` +
      'file=/onnxruntime_src/cuda_execution_provider.cc ; line=352 ; expr=cudaSetDevice(info_.device_id); \n\n',
  );
  expect(runtimeReason(error, 'f')).toBe('CUDA failure 100: no CUDA-capable device is detected');
});

test('layers that another provider ran are named once, with their operators', () => {
  const kernel = (name: string, op_name: string, provider: string) => ({
    cat: 'Node',
    name: `${name}_kernel_time`,
    dur: 1,
    args: { op_name, provider },
  });
  const events = [
    { cat: 'Session', name: 'model_loading_uri', dur: 1 },
    kernel('conv1', 'Conv', 'CUDAExecutionProvider'),
    kernel('shape', 'Shape', 'CPUExecutionProvider'),
    kernel('shape', 'Shape', 'CPUExecutionProvider'),
    { ...kernel('shape', 'Shape', 'CPUExecutionProvider'), name: 'shape_fence_before' },
    kernel('topk', 'TopK', 'CPUExecutionProvider'),
  ];
  expect(layersElsewhere(events, 'cuda')).toEqual(['shape (Shape)', 'topk (TopK)']);
  expect(layersElsewhere(events, 'cpu')).toEqual(['conv1 (Conv)']);
});
