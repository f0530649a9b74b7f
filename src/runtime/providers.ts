import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { MenagerieError } from '../core/errors.js';
import type { Device, Provider } from './protocol.js';

/**
 * The providers to try for a device, in order.
 * @throws MenagerieError `provider_unavailable` for CUDA where its library is not installed
 */
export function providersFor(device: Device): Provider[] {
  if (device === 'auto') return isCudaInstalled() ? ['cuda', 'cpu'] : ['cpu'];
  if (device === 'cuda' && !isCudaInstalled()) {
    const advice = 'install it with: npm run install:cuda';
    throw new MenagerieError(
      'provider_unavailable',
      `DEVICE is cuda, but the CUDA provider is not installed; ${advice}`,
    );
  }
  return [device];
}

/** Whether the CUDA provider's library lies beside the runtime; `npm run install:cuda` puts it there. */
function isCudaInstalled(): boolean {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  const folder = join(dirname(entry), '..', 'bin', 'napi-v6', process.platform, process.arch);
  return existsSync(join(folder, 'libonnxruntime_providers_cuda.so'));
}
