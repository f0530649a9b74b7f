import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { MenagerieError } from '../../core/errors.js';

/** ONNX Runtime's execution provider that runs a network. */
export type Provider = 'cpu' | 'cuda';
/**
 * Which provider to use. `auto` takes CUDA where its library is installed and works, the CPU otherwise; `cuda` the same, and
 * says so too where none is installed; `cuda-required` takes nothing else.
 */
export type Device = 'auto' | Provider | 'cuda-required';

/** Which providers to try for a network, in order. */
export interface ProviderPlan {
  providers: Provider[];
  /** Why CUDA, though it was asked for, is not even tried. */
  fallback: string | undefined;
}

/** What keeps the CUDA provider from being loaded, before anything is loaded. */
export type CudaObstacle = { kind: 'not_installed' } | { kind: 'missing_libraries'; names: string[] } | undefined;

/**
 * The providers to try for a device. Only `auto` takes a runtime without CUDA as a matter of course; whoever asks for
 * CUDA is told why there is none.
 * @throws MenagerieError `provider_unavailable` where CUDA is required and something is in its way
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

/** What to say of an obstacle. */
export function obstacleText(obstacle: NonNullable<CudaObstacle>): string {
  return obstacle.kind === 'not_installed'
    ? 'the CUDA provider is not installed (npm run install:cuda fetches it)'
    : `libraries that the CUDA provider needs are missing: ${obstacle.names.join(', ')}`;
}

/** The error for CUDA that is required and cannot be used. */
export function cudaRequired(reason: string): MenagerieError {
  return new MenagerieError('provider_unavailable', `DEVICE is cuda-required, but ${reason}.`);
}

/** Whether networks are to run on a GPU here. */
export function usesCuda(device: Device): boolean {
  return device !== 'cpu' && cudaObstacle() === undefined;
}

let known: { obstacle: CudaObstacle } | undefined;

/** Looks for the CUDA provider's library beside the runtime, and for the libraries that one needs. Once for the process. */
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
 * Names of the shared libraries that a library needs and the loader does not find. The runtime's own error does not name
 * them. None where there is no `ldd` to ask.
 */
export function missingLibraries(file: string): string[] {
  const { stdout } = spawnSync('ldd', [file], { encoding: 'utf8' });
  return [...(stdout ?? '').matchAll(/^\s*(\S+) => not found$/gm)].map(([, name]) => name as string);
}

/** An error of the runtime about a file, for whoever uses the server: one line, without the folders of this machine. */
export function runtimeReason(error: unknown, file: string): string {
  const text = error instanceof Error ? error.message : String(error);
  const [line = ''] = text.replaceAll(file, basename(file)).trim().split('\n');
  return line.replace(/(?:[A-Za-z]:)?(?:[\\/][^\\/\s:'"]+)+[\\/]/g, '').slice(0, MAX_REASON);
}

const MAX_REASON = 300;
