import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * The folder of real networks, pictures and data sets that the project does not carry: `ASSETS_DIR`, or
 * `../shared/assets` beside the repository. Undefined where there is none: tests that need it skip.
 */
export function assetsDir(): string | undefined {
  const folder = process.env.ASSETS_DIR ?? fileURLToPath(new URL('../../../shared/assets', import.meta.url));
  return existsSync(folder) ? folder : undefined;
}
