import type { Pieces } from '../../../core/byte-source.js';

// The format on the socket between the server and a worker. A frame is a head (JSON) and parts (bytes):
//
//   u32  magic and version
//   u32  bytes of the head
//   u32  number of parts
//   u32  bytes of each part
//   head, parts
//
// All numbers are little-endian. The reader decides how many bytes a frame may hold.

/** Bytes of a part: in one piece, or in several pieces, which are not copied together. */
export type Bytes = Uint8Array | Pieces;

export interface Frame {
  head: object;
  /** Each has an ArrayBuffer of its own. */
  parts: Uint8Array<ArrayBuffer>[];
}

/** "MF" and the version of the layout above. */
const MAGIC = 0x4d46_0001;
const WORD = 4;
const PREFIX_BYTES = 3 * WORD;
/** A head describes inputs and outputs but holds none of their values. The largest is the summary of a network of 100,000 layers. */
const MAX_HEAD_BYTES = 64 * 1024 * 1024;
const MAX_PARTS = 4096;

/** The bytes received are not a frame, or the frame is larger than allowed. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

/**
 * Encodes a frame as buffers, to be written one after the other.
 * @throws FrameError for more parts than a reader accepts
 */
export function encodeFrame(head: object, parts: readonly Bytes[] = []): Uint8Array[] {
  if (parts.length > MAX_PARTS) throw new FrameError(`a frame has at most ${MAX_PARTS} parts`);
  const text = JSON.stringify(head);
  const textBytes = Buffer.byteLength(text);
  const textStart = PREFIX_BYTES + WORD * parts.length;
  const start = Buffer.allocUnsafe(textStart + textBytes);
  start.writeUInt32LE(MAGIC, 0);
  start.writeUInt32LE(textBytes, WORD);
  start.writeUInt32LE(parts.length, 2 * WORD);
  for (const [i, part] of parts.entries()) start.writeUInt32LE(part.length, PREFIX_BYTES + WORD * i);
  start.write(text, textStart);
  return [start, ...parts.flatMap((part) => (part instanceof Uint8Array ? [part] : part.pieces))];
}

/** Reads frames from a stream of chunks. Once `push` has thrown, the reader must not be used again. */
export class FrameReader {
  readonly #maxBytes: number;
  /** The field that is being read, and how many of its bytes have arrived. */
  #target: Uint8Array<ArrayBuffer> = new Uint8Array(PREFIX_BYTES);
  #filled = 0;
  /** Called when the target is full. */
  #next: (frames: Frame[]) => void = () => this.#readPrefix();
  #head: object = {};
  #headBytes = 0;
  #partBytes: number[] = [];
  #parts: Uint8Array<ArrayBuffer>[] = [];

  /** @param maxBytes limit for all parts of a frame together */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Reads a chunk.
   * @returns the frames that this chunk completes
   * @throws FrameError
   */
  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let at = 0;
    for (;;) {
      const length = Math.min(chunk.length - at, this.#target.length - this.#filled);
      this.#target.set(chunk.subarray(at, at + length), this.#filled);
      this.#filled += length;
      at += length;
      if (this.#filled < this.#target.length) return frames;
      this.#next(frames);
    }
  }

  #expect(bytes: number, next: (frames: Frame[]) => void): void {
    // Not from the pool that small buffers share: each part has an ArrayBuffer of its own.
    this.#target = new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
    this.#filled = 0;
    this.#next = next;
  }

  #readPrefix(): void {
    const prefix = new DataView(this.#target.buffer);
    const magic = prefix.getUint32(0, true);
    const headBytes = prefix.getUint32(WORD, true);
    const parts = prefix.getUint32(2 * WORD, true);
    if (magic !== MAGIC) throw new FrameError('not a frame of this version');
    if (headBytes > MAX_HEAD_BYTES) throw new FrameError(`a head of ${headBytes} bytes`);
    if (parts > MAX_PARTS) throw new FrameError(`a frame of ${parts} parts`);
    this.#headBytes = headBytes;
    this.#expect(WORD * parts, () => this.#readLengths());
  }

  #readLengths(): void {
    this.#partBytes = wordsOf(this.#target);
    const total = this.#partBytes.reduce((sum, bytes) => sum + bytes, 0);
    if (total > this.#maxBytes) throw new FrameError(`a frame of ${total} bytes; ${this.#maxBytes} are allowed`);
    this.#expect(this.#headBytes, (frames) => this.#readHead(frames));
  }

  #readHead(frames: Frame[]): void {
    let head: unknown;
    try {
      head = JSON.parse(Buffer.from(this.#target.buffer).toString());
    } catch {
      throw new FrameError('a head that is no JSON');
    }
    if (typeof head !== 'object' || head === null) throw new FrameError('a head that is no object');
    this.#head = head;
    this.#parts = [];
    this.#readParts(frames);
  }

  #readParts(frames: Frame[]): void {
    const bytes = this.#partBytes[this.#parts.length];
    if (bytes === undefined) {
      frames.push({ head: this.#head, parts: this.#parts });
      this.#expect(PREFIX_BYTES, () => this.#readPrefix());
      return;
    }
    this.#expect(bytes, (more) => {
      this.#parts.push(this.#target);
      this.#readParts(more);
    });
  }
}

function wordsOf({ buffer }: Uint8Array<ArrayBuffer>): number[] {
  const view = new DataView(buffer);
  return Array.from({ length: buffer.byteLength / WORD }, (_, i) => view.getUint32(WORD * i, true));
}
