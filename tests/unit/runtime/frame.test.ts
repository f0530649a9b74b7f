import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Pieces } from '../../../src/core/byte-source.js';
import {
  type Bytes,
  encodeFrame,
  type Frame,
  FrameError,
  FrameReader,
} from '../../../src/runtime/workers/protocol/frame.js';

const ROOM = 1 << 20;
const PREFIX = 12;

const heads = fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.array(fc.jsonValue())) as fc.Arbitrary<object>;
const bytes = fc.uint8Array({ maxLength: 200 });
const frames = fc.record({ head: heads, parts: fc.array(bytes, { maxLength: 5 }) });
/** Where what is sent is cut into what arrives. */
const cuts = fc.array(fc.nat(300), { maxLength: 40 });

const joined = (pieces: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(pieces));
const sent = (all: readonly { head: object; parts: readonly Bytes[] }[]) =>
  joined(all.flatMap(({ head, parts }) => encodeFrame(head, parts)));

/** Gives a reader what was sent, in chunks of these lengths over and over. */
function received(reader: FrameReader, whole: Uint8Array, lengths: readonly number[]): Frame[] {
  const found: Frame[] = [];
  for (let at = 0, i = 0; at < whole.length; i++) {
    // Nothing may arrive, too.
    const length = i < 1000 ? (lengths[i % Math.max(1, lengths.length)] ?? whole.length) : whole.length;
    found.push(...reader.push(whole.subarray(at, at + length)));
    at += length;
  }
  return found;
}

/** What JSON makes of it. */
const plain = (head: object) => JSON.parse(JSON.stringify(head));

/** A prefix with these three numbers. */
function prefix(magic: number, headBytes: number, parts: number): Buffer {
  const buffer = Buffer.alloc(PREFIX);
  for (const [i, word] of [magic, headBytes, parts].entries()) buffer.writeUInt32LE(word, 4 * i);
  return buffer;
}
const MAGIC = (encodeFrame({})[0] as Buffer).readUInt32LE(0);

function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('frames', () => {
  test('arrive as they were sent, however they are cut', () => {
    fc.assert(
      fc.property(fc.array(frames, { maxLength: 5 }), cuts, (all, lengths) => {
        const found = received(new FrameReader(ROOM), sent(all), lengths);
        expect(found.map(({ head }) => head)).toEqual(all.map(({ head }) => plain(head)));
        expect(found.map(({ parts }) => parts)).toEqual(
          all.map(({ parts }) => parts.map((part) => Uint8Array.from(part))),
        );
        // Each has its memory to itself.
        for (const part of found.flatMap(({ parts }) => parts)) {
          expect([part.byteOffset, part.buffer.byteLength]).toEqual([0, part.byteLength]);
        }
      }),
    );
  });

  test('arrive byte by byte', () => {
    const all = [
      { head: {}, parts: [] },
      { head: { a: 'ä' }, parts: [new Uint8Array(), new Uint8Array([1, 2, 3]), new Uint8Array()] },
      { head: { b: 1 }, parts: [new Uint8Array()] },
    ];
    const found = received(new FrameReader(3), sent(all), [1]);
    expect(found).toEqual(all);
  });

  test('are the same whether a part is in one piece or in several', () => {
    fc.assert(
      fc.property(
        heads,
        fc.array(fc.array(bytes, { maxLength: 4 }), { maxLength: 4 }),
        cuts,
        (head, parts, lengths) => {
          const pieces = sent([{ head, parts: parts.map((some) => new Pieces(some)) }]);
          const whole = sent([{ head, parts: parts.map(joined) }]);
          expect(Buffer.compare(pieces, whole)).toBe(0);
          const [found] = received(new FrameReader(ROOM), pieces, lengths);
          expect(found?.parts).toEqual(parts.map(joined));
        },
      ),
    );
  });

  test('are not copied to be sent', () => {
    const part = new Uint8Array(1000);
    const pieces = [new Uint8Array(10), new Uint8Array(20)];
    const buffers = encodeFrame({}, [part, new Pieces(pieces)]);
    expect(buffers.slice(1).map((buffer, i) => buffer === [part, ...pieces][i])).toEqual([true, true, true]);
  });

  test('are complete when their last byte has come, and not before', () => {
    fc.assert(
      fc.property(frames, (frame) => {
        const whole = sent([frame]);
        const reader = new FrameReader(ROOM);
        expect(reader.push(whole.subarray(0, -1))).toEqual([]);
        expect(reader.push(whole.subarray(-1))).toHaveLength(1);
      }),
    );
  });
});

describe('what is no frame', () => {
  const refused = (chunk: Uint8Array, room = ROOM) => errorOf(() => new FrameReader(room).push(chunk));

  test.each([
    ['another program', prefix(0x4d46_0001 ^ 0xff_0000, 2, 0), 'not a frame of this version'],
    ['another version', prefix(MAGIC + 1, 2, 0), 'not a frame of this version'],
    ['a web browser', Buffer.from('GET / HTTP/1.1'), 'not a frame of this version'],
    ['a head beyond all bounds', prefix(MAGIC, 2 ** 32 - 1, 0), 'a head of 4294967295 bytes'],
    ['more parts than there may be', prefix(MAGIC, 2, 4097), 'a frame of 4097 parts'],
    ['a head that is no JSON', joined([prefix(MAGIC, 2, 0), Buffer.from('{[')]), 'a head that is no JSON'],
    ['an empty head', prefix(MAGIC, 0, 0), 'a head that is no JSON'],
    ['a head that is a number', joined([prefix(MAGIC, 2, 0), Buffer.from('12')]), 'a head that is no object'],
    ['a head that is nothing', joined([prefix(MAGIC, 4, 0), Buffer.from('null')]), 'a head that is no object'],
  ])('%s', (_what, chunk, message) => {
    expect(refused(chunk)).toEqual(new FrameError(message));
  });

  test('is one of more bytes than are allowed, all parts together: known before any of them comes', () => {
    const all = (length: number) => encodeFrame({}, [new Uint8Array(length), new Uint8Array(60)]);
    expect(new FrameReader(100).push(joined(all(40)))).toHaveLength(1);
    const [start] = all(41);
    expect(refused(start as Uint8Array, 100)).toEqual(new FrameError('a frame of 101 bytes; 100 are allowed'));
    const words = Buffer.alloc(4 * 4096, 0xff);
    expect(refused(joined([prefix(MAGIC, 2, 4096), words]))).toBeInstanceOf(FrameError);
  });

  test('is not sent either: no more parts than the other end takes', () => {
    const parts = Array.from({ length: 4096 }, () => new Uint8Array());
    expect(new FrameReader(0).push(joined(encodeFrame({}, parts)))[0]?.parts).toHaveLength(4096);
    expect(errorOf(() => encodeFrame({}, [...parts, new Uint8Array()]))).toBeInstanceOf(FrameError);
  });
});

describe('whatever arrives', () => {
  /** Bytes of array buffers that were made meanwhile, as far as none has been collected. */
  const grown = (action: () => void) => {
    const before = process.memoryUsage().arrayBuffers;
    action();
    return process.memoryUsage().arrayBuffers - before;
  };

  /** A reader takes it, or refuses it with FrameError and nothing else; what it gives keeps to the bound. */
  function survives(whole: Uint8Array, lengths: readonly number[], room = 1000): void {
    const reader = new FrameReader(room);
    try {
      for (const { head, parts } of received(reader, whole, lengths)) {
        expect(typeof head).toBe('object');
        expect(parts.reduce((sum, part) => sum + part.length, 0)).toBeLessThanOrEqual(room);
      }
    } catch (error) {
      expect(error).toBeInstanceOf(FrameError);
    }
  }

  test('random bytes are refused or waited for', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), cuts, fc.boolean(), (noise, lengths, begunWell) => {
        const start = begunWell ? prefix(MAGIC, noise.length % 50, noise.length % 7) : new Uint8Array();
        survives(joined([start, noise]), lengths);
      }),
      { numRuns: 1000 },
    );
  });

  test('frames with bytes changed, lost, doubled or added are read, refused or waited for', () => {
    const mutations = fc.array(
      fc.record({ at: fc.nat(), kind: fc.constantFrom('set', 'cut', 'add', 'double'), value: fc.nat(255) }),
      { minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(fc.array(frames, { minLength: 1, maxLength: 3 }), mutations, cuts, (all, changes, lengths) => {
        let whole = [...sent(all)];
        for (const { at, kind, value } of changes) {
          const place = at % Math.max(1, whole.length);
          if (kind === 'set') whole[place] = value;
          else if (kind === 'cut') whole.splice(place, value % 16);
          else if (kind === 'add') whole.splice(place, 0, ...Array(value % 16).fill(value));
          else whole = [...whole.slice(0, place), ...whole];
        }
        survives(Uint8Array.from(whole), lengths);
      }),
      { numRuns: 1000 },
    );
  });

  test('takes no memory beyond the bound', () => {
    const room = 1 << 20;
    // The head has a bound of its own, of 64 MiB.
    expect(grown(() => void errorOf(() => new FrameReader(room).push(prefix(MAGIC, 2 ** 27, 0))))).toBeLessThan(room);
    const claimed = joined([prefix(MAGIC, 2, 1), Buffer.from([0, 0, 32, 0])]);
    expect(grown(() => void errorOf(() => new FrameReader(room).push(claimed)))).toBeLessThan(room);
    const allowed = joined([prefix(MAGIC, 2, 1), Buffer.from([0, 0, 16, 0]), Buffer.from('{}')]);
    const readers: FrameReader[] = [];
    const few = grown(() => {
      for (let i = 0; i < 4; i++) {
        const reader = new FrameReader(room);
        reader.push(allowed);
        readers.push(reader);
      }
    });
    expect(few).toBeLessThan(5 * room);
  });
});
