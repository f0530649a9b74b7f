import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { MenagerieError } from '../../core/errors.js';

/** An execution provider of ONNX Runtime. */
export type Provider = 'cpu' | 'cuda';
/**
 * Which provider to use. `auto`: CUDA if its library is installed and works, else the CPU. `cuda`: the same, but it is also reported
 * when no library is installed. `cuda-required`: CUDA only.
 */
export type Device = 'auto' | Provider | 'cuda-required';

/** The providers to try for a network, in order. */
export interface ProviderPlan {
  providers: Provider[];
  /** Why CUDA is not tried although it was requested. */
  fallback: string | undefined;
}

/** What a CUDA provider needs of the machine. */
export interface ProviderNeeds {
  /** The major version of CUDA that it is built for; undefined where that cannot be known. */
  cuda: string | undefined;
  /** Shared libraries that the loader does not find. */
  missing: string[];
}

/** Why the CUDA provider cannot be loaded, as far as its files tell. */
export type CudaObstacle = { kind: 'not_installed' } | { kind: 'missing_libraries'; names: string[] } | undefined;

/**
 * The providers to try for a device. If CUDA is not installed, `auto` silently uses the CPU; the others say why.
 * @throws MenagerieError `provider_unavailable` if CUDA is required and cannot be loaded
 */
export function planProviders(device: Device, obstacle: () => CudaObstacle): ProviderPlan {
  if (device === 'cpu') return { providers: ['cpu'], fallback: undefined };
  const found = obstacle();
  if (!found) return { providers: ['cuda', 'cpu'], fallback: undefined };
  if (device === 'auto' && found.kind === 'not_installed') return { providers: ['cpu'], fallback: undefined };
  const reason = obstacleText(found);
  if (device === 'cuda-required') throw cudaRequired(reason);
  return { providers: ['cpu'], fallback: `cuda: ${reason}` };
}

/** The obstacle in words. */
export function obstacleText(obstacle: NonNullable<CudaObstacle>): string {
  return obstacle.kind === 'not_installed'
    ? 'the CUDA provider is not installed (npm run install:cuda fetches it)'
    : `libraries that the CUDA provider needs are missing: ${obstacle.names.join(', ')}`;
}

/** The error if CUDA is required and cannot be used. */
export function cudaRequired(reason: string): MenagerieError {
  return new MenagerieError('provider_unavailable', `DEVICE is cuda-required, but ${reason}.`);
}

/** Whether networks run on a GPU on this machine. */
export function usesCuda(device: Device): boolean {
  return device !== 'cpu' && cudaObstacle() === undefined;
}

let known: { needs: ProviderNeeds | undefined } | undefined;

/** What the CUDA provider in place needs; undefined if none is in place. The result is kept for the life of the process. */
export function cudaNeeds(): ProviderNeeds | undefined {
  const file = cudaProviderFile();
  known ??= { needs: existsSync(file) ? readNeeds(file) : undefined };
  return known.needs;
}

/** What is in the way of the CUDA provider, as far as its files and the libraries it needs tell. */
export function cudaObstacle(): CudaObstacle {
  const needs = cudaNeeds();
  if (!needs) return { kind: 'not_installed' };
  return needs.missing.length > 0 ? { kind: 'missing_libraries', names: needs.missing } : undefined;
}

function cudaProviderFile(): string {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  const folder = join(dirname(entry), '..', 'bin', 'napi-v6', process.platform, process.arch);
  return join(folder, 'libonnxruntime_providers_cuda.so');
}

/** The provider for CUDA 13 is not linked with cuDNN: it opens this when the first convolution runs. */
const CUDNN = 'libcudnn.so.9';

/**
 * Asks the loader what a provider is linked with and what it does not find. The runtime's own error does not name it. Of a provider
 * that is not linked with cuDNN the loader is asked for that too. Nothing is known if there is no `ldd`.
 */
export function readNeeds(file: string): ProviderNeeds {
  const { stdout, stderr } = spawnSync('env', [`LD_PRELOAD=${CUDNN}`, 'ldd', file], { encoding: 'utf8' });
  const said = `${stdout ?? ''}\n${stderr ?? ''}`;
  const missing = [...said.matchAll(/^\s*(\S+) => not found$/gm)].flatMap(([, name]) => name ?? []);
  if (said.includes(`'${CUDNN}' from LD_PRELOAD cannot be preloaded`)) missing.push(CUDNN);
  return { cuda: /^\s*libcudart\.so\.(\d+) => /m.exec(said)?.[1], missing: [...new Set(missing)] };
}
