import { expect, test } from 'vitest';
import { isInShard, parseShard } from '../../../src/cli/folders/shard.js';

test('every file is in one part, and parts are of about one size', () => {
  const counts = Array<number>(16).fill(0);
  for (let i = 0; i < 1600; i++) {
    const parts = counts.map((_, part) => isInShard(Buffer.from(`deep/${i}.jpg`), { part: part + 1, of: 16 }));
    expect(parts.filter(Boolean)).toHaveLength(1);
    counts[parts.indexOf(true)] = (counts[parts.indexOf(true)] ?? 0) + 1;
  }
  // Six times the deviation that chance gives.
  for (const count of counts) expect(Math.abs(count - 100)).toBeLessThan(6 * Math.sqrt(100));
});

test.each([
  ['a.jpg', 8],
  ['deep/b.jpg', 2],
  ['été.png', 16],
])('%s is in the part that other programs say: the first 12 digits of the SHA-256, modulo 16', (path, part) => {
  expect(isInShard(Buffer.from(path), { part, of: 16 })).toBe(true);
});

test.each(['0/4', '5/4', '1', '1/0', 'a/b', '-1/4', '1/4/5'])('%s is refused', (text) => {
  expect(() => parseShard(text)).toThrow('3/16');
});
