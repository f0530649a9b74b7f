// Writes features into a cache until it has written all, or is killed: node feature-writer.mjs FOLDER FIRST COUNT. Says `ready` when it
// has written some.
import { createHash } from 'node:crypto';
import { FeatureCache } from '../../dist/training/cache/feature-cache.js';

const [folder = '', first = '', count = ''] = process.argv.slice(2);
const key = { weights: 'w', preparation: 'p', view: 'v', tensor: 't' };
const cache = await FeatureCache.open(folder, { bytes: 1e9 });
for (let i = Number(first); i < Number(first) + Number(count); i++) {
  const sha256 = createHash('sha256').update(`${i}`).digest('hex');
  await cache.put(
    key,
    sha256,
    Float32Array.from({ length: 1000 }, (_, at) => i + at),
  );
  if (i % 5 === 4) await cache.flush();
  if (i === Number(first) + 20) console.log('ready');
}
await cache.flush();
