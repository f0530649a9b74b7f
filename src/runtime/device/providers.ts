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

let known: { obstacle: CudaObstacle } | undefined;

/** Looks for the CUDA provider's library and the libraries it needs. The result is kept for the life of the process. */
export function cudaObstacle(): CudaObstacle {
  known ??= { obstacle: findObstacle(cudaProviderFile()) };
  return known.obstacle;
}

function findObstacle(file: string): CudaObstacle {
  if (!existsSync(file)) return { kind: 'not_installed' };
  const names = missingLibraries(file);
  return names.length > 0 ? { kind: 'missing_libraries', names } : undefined;
}

function cudaProviderFile(): string {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  const folder = join(dirname(entry), '..', 'bin', 'napi-v6', process.platform, process.arch);
  return join(folder, 'libonnxruntime_providers_cuda.so');
}

/**
 * The shared libraries that a library needs and the loader does not find. The runtime's own error does not name them. Empty if
 * there is no `ldd`.
 */
export function missingLibraries(file: string): string[] {
  const { stdout } = spawnSync('ldd', [file], { encoding: 'utf8' });
  return [...(stdout ?? '').matchAll(/^\s*(\S+) => not found$/gm)].flatMap(([, name]) => name ?? []);
}
