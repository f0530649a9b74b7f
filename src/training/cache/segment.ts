import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { writeWhole } from '../../system/whole-file.js';

// A file of features: a head, the hashes of the pictures, and one record for each. It is written whole and never changed.
//   head     magic (8 bytes), values of a record, records (both u32), CRC-32 of magic, counts and hashes
//   hashes   the SHA-256 of each picture, 32 bytes
//   records  the values as float32, then the CRC-32 of the picture's hash and the values
// Numbers are little-endian.

const MAGIC = Buffer.from('MNGFEAT1');
const HEAD_BYTES = MAGIC.length + 12;
const HASH_BYTES = 32;
const CRC_BYTES = 4;
/** Most bytes of head and hashes that are read; a file with more is faulty. */
const MAX_TABLE = 64 * 1024 * 1024;

/** The place of a picture's features. */
export interface RecordPlace {
  file: string;
  /** Bytes before its record. */
  offset: number;
  /** Number of float32 values. */
  size: number;
}

/** Features by the SHA-256 of their picture in hexadecimal. */
export type PictureRows = ReadonlyMap<string, Float32Array>;

/** Bytes that the features of some pictures take on disk. @param size values of each picture */
export function bytesNeeded(pictures: number, size: number): number {
  return HEAD_BYTES + pictures * (HASH_BYTES + 4 * size + CRC_BYTES);
}

/**
 * Writes features, all of the same length, into a new file.
 * @returns their places
 * @throws MenagerieError `io_error`
 */
export async function writeSegment(file: string, features: PictureRows): Promise<ReadonlyMap<string, RecordPlace>> {
  const [first] = features.values();
  const size = first?.length ?? 0;
  const hashes = Buffer.from([...features.keys()].join(''), 'hex');
  const counts = Buffer.alloc(8);
  counts.writeUInt32LE(size, 0);
  counts.writeUInt32LE(features.size, 4);
  const records = [...features].flatMap(([sha256, values]) => {
    if (values.length !== size) throw new Error(`features of ${values.length} values among those of ${size}`);
    const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    return [bytes, checksum(Buffer.from(sha256, 'hex'), bytes)];
  });
  await writeWhole(file, async (handle) => {
    await handle.writeFile(Buffer.concat([MAGIC, counts, checksum(MAGIC, counts, hashes), hashes, ...records]));
  });
  return placesOf(file, hashes, size);
}

/**
 * Reads which features a file holds.
 * @returns undefined if the file is damaged or torn
 * @throws system errors
 */
export async function readPlaces(file: string): Promise<ReadonlyMap<string, RecordPlace> | undefined> {
  const handle = await open(file);
  try {
    const { size: length } = await handle.stat();
    const head = Buffer.alloc(HEAD_BYTES);
    await handle.read(head, 0, HEAD_BYTES, 0);
    const counts = head.subarray(MAGIC.length, MAGIC.length + 8);
    const [size, records] = [counts.readUInt32LE(0), counts.readUInt32LE(4)];
    const tableBytes = records * HASH_BYTES;
    if (length !== bytesNeeded(records, size) || tableBytes > MAX_TABLE) return undefined;
    const hashes = Buffer.alloc(tableBytes);
    await handle.read(hashes, 0, tableBytes, HEAD_BYTES);
    const expected = checksum(MAGIC, counts, hashes);
    const whole = head.subarray(0, MAGIC.length).equals(MAGIC) && head.subarray(MAGIC.length + 8).equals(expected);
    return whole ? placesOf(file, hashes, size) : undefined;
  } finally {
    await handle.close();
  }
}

/** Bytes of a record. */
export function recordBytes({ size }: Pick<RecordPlace, 'size'>): number {
  return 4 * size + CRC_BYTES;
}

/** The features in a record; undefined if it is damaged. */
export function featuresIn(record: Uint8Array, sha256: string): Float32Array | undefined {
  const end = record.length - CRC_BYTES;
  const values = new Uint8Array(record.subarray(0, end));
  if (!checksum(Buffer.from(sha256, 'hex'), values).equals(record.subarray(end))) return undefined;
  return new Float32Array(values.buffer);
}

function placesOf(file: string, hashes: Buffer, size: number): ReadonlyMap<string, RecordPlace> {
  const records = hashes.length / HASH_BYTES;
  const first = HEAD_BYTES + hashes.length;
  return new Map(
    Array.from({ length: records }, (_, i) => [
      hashes.toString('hex', i * HASH_BYTES, (i + 1) * HASH_BYTES),
      { file, offset: first + i * recordBytes({ size }), size },
    ]),
  );
}

function checksum(...parts: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.alloc(CRC_BYTES);
  bytes.writeUInt32LE(parts.reduce((crc, part) => crc32(part, crc), 0));
  return bytes;
}
