import type { Pieces } from '../../core/byte-source.js';
import type { DecodeCost } from '../../core/decode-cost.js';
import { MenagerieError } from '../../core/errors.js';
import { memoryExceeded } from '../../core/memory-errors.js';
import { type Cost, type CostOfDecoding, READING_GMACS, type ReadingSpeed } from './cost.js';

/** What tells the cost of reading pictures, and limits it. */
export interface ReadingTools {
  costOfDecoding: CostOfDecoding;
  /** Bytes that decoding one picture may take. */
  decodeBytes(): number;
  speed: ReadingSpeed;
}

/** The cost of reading a picture: decoding its file, and rendering views. */
export interface PictureReading {
  /** From its header; undefined if it is not a picture of a known format. */
  decode: DecodeCost | undefined;
  /** Width x height by its header; 0 if unknown. */
  pixels: number;
  reading: Cost;
}

/** @param limitGmacs most that decoding may cost */
export function readingOf(file: Pieces, { costOfDecoding, speed }: ReadingTools, limitGmacs: number): PictureReading {
  const decode = costOfDecoding(file);
  const pixels = decode ? decode.width * decode.height : 0;
  // A picture beyond the limit will be refused, so it takes only the room of an ordinary one.
  const refused = decode !== undefined && decode.gmacs > limitGmacs;
  return {
    decode,
    pixels,
    reading: speed.costOf(refused ? READING_GMACS : Math.max(READING_GMACS, decode?.gmacs ?? 0)),
  };
}

/** @throws MenagerieError `too_expensive`, `memory_exceeded` for a picture that must not be decoded */
export function assertDecodable({ decode }: PictureReading, { decodeBytes }: ReadingTools, limitGmacs: number): void {
  if (decode && decode.gmacs > limitGmacs) throw tooMuchTime(decode, limitGmacs);
  // If the header was not understood, decoding is tried: the worker has a memory limit of its own.
  const allowed = decodeBytes();
  if (decode?.known && decode.bytes > allowed) throw tooMuchMemory(decode, allowed);
}

function tooMuchTime({ gmacs }: DecodeCost, allowed: number): MenagerieError {
  return new MenagerieError(
    'too_expensive',
    `Decoding this picture costs ${Math.ceil(gmacs)} GMAC; one request may cost ${allowed}.`,
  );
}

function tooMuchMemory({ width, height, bytes }: DecodeCost, allowed: number): MenagerieError {
  return memoryExceeded(`Decoding this picture of ${width} x ${height} pixels`, bytes, allowed);
}
