import { hash } from 'node:crypto';
import { sep } from 'node:path';
import { InvalidArgumentError } from 'commander';

/** One part of several that the files are divided into. */
export interface Shard {
  /** From 1 to `of`. */
  part: number;
  of: number;
}

/** Parses `3/16`. */
export function parseShard(text: string): Shard {
  const [, part = '', of = ''] = /^(\d{1,6})\/(\d{1,6})$/.exec(text) ?? [];
  const shard = { part: Number(part), of: Number(of) };
  if (shard.part < 1 || shard.part > shard.of) {
    throw new InvalidArgumentError('It must be a part and their number, such as 3/16; the first part is 1.');
  }
  return shard;
}

/**
 * Whether a file belongs to a part: by the first 48 bits of the SHA-256 of its path below the folder that was named, so that every
 * machine divides alike, wherever it mounts the disk.
 */
export function isInShard(below: Buffer, { part, of }: Shard): boolean {
  const path = sep === '\\' ? below.map((byte) => (byte === 0x5c ? 0x2f : byte)) : below;
  return hash('sha256', path, 'buffer').readUIntBE(0, 6) % of === part - 1;
}
