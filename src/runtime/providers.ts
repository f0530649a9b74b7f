import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Device, Provider } from './protocol.js';

/** The providers to try for a device, in order. */
export function providersFor(device: Device): Provider[] {
  if (device !== 'auto') return [device];
  return isCudaInstalled() ? ['cuda', 'cpu'] : ['cpu'];
}

/** Whether the CUDA provider's library lies beside the runtime; `npm run install:cuda` puts it there. */
function isCudaInstalled(): boolean {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  const folder = join(dirname(entry), '..', 'bin', 'napi-v6', process.platform, process.arch);
  return existsSync(join(folder, 'libonnxruntime_providers_cuda.so'));
}
