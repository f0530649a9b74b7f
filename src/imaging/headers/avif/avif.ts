import type { ByteSource } from '../../../core/byte-source.js';
import { ByteWindow, HeaderDamaged, HeaderUnclear } from '../byte-window.js';
import { type PictureHeader, USUAL } from '../picture-header.js';
import { av1 } from './av1.js';
import { heifItems, type Item } from './heif-items.js';

/** A grid of many tiles needs one window per tile. */
const FILE_WINDOWS = 1024;
/** The number of libheif's threads. */
const TILES_AT_ONCE = 4;

/**
 * Reads the header of an AVIF, including the tiles and the transparency that its picture is made of. libheif decodes no item that
 * is larger than the file says (tests check that).
 * @throws HeaderDamaged, HeaderUnclear, HeaderUnsupported
 */
export function avifHeader(source: ByteSource): PictureHeader {
  const file = new ByteWindow(source, FILE_WINDOWS);
  const { primary, items, metadata } = heifItems(file);
  const picture = items.get(primary);
  if (!picture || picture.width === 0 || picture.height === 0) throw new HeaderDamaged();
  const work = new DecodingWork(file, items);
  const samples = work.of(primary);
  const { width, height, turned, auxiliaries } = picture;
  const hasAlpha = auxiliaries.length > 0;
  return {
    ...USUAL,
    width: turned ? height : width,
    height: turned ? width : height,
    coding: work.isDeep ? 'avif-deep' : work.isFull ? 'avif-444' : 'avif',
    pixelBytes: hasAlpha ? 4 : 3,
    hasAlpha,
    metadata,
    samples,
    held: Math.max(width * height, work.largest * Math.max(1, Math.min(TILES_AT_ONCE, picture.parts.length))),
  };
}

/** Adds up the decoding work for an item. An item counts every time it is used. */
class DecodingWork {
  isDeep = false;
  isFull = false;
  /** Pixels of the largest coded item. */
  largest = 0;
  readonly #file: ByteWindow;
  readonly #items: ReadonlyMap<number, Item>;
  readonly #known = new Map<number, number>();

  constructor(file: ByteWindow, items: ReadonlyMap<number, Item>) {
    this.#file = file;
    this.#items = items;
  }

  /** Work for an item and all its parts, in pixels x frames. */
  of(id: number): number {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    // Ends the recursion: libheif refuses an item that contains itself.
    this.#known.set(id, 0);
    const item = this.#items.get(id);
    if (!item) return 0;
    const others = [...item.parts, ...item.auxiliaries].reduce((sum, part) => sum + this.of(part), 0);
    const pixels = others + this.#own(item);
    this.#known.set(id, pixels);
    return pixels;
  }

  #own(item: Item): number {
    const pixels = item.width * item.height;
    // The size of an overlay is elsewhere.
    if (item.type === 'iovl') throw new HeaderUnclear();
    // An item made of others costs its own pixels to be put together.
    if (item.type !== 'av01') return pixels;
    if (!item.extent) throw new HeaderUnclear();
    const { isDeep, isFull, frames } = av1(this.#file, item.extent.start, item.extent.end);
    this.isDeep ||= isDeep;
    this.isFull ||= isFull;
    this.largest = Math.max(this.largest, pixels);
    return pixels * frames;
  }
}
