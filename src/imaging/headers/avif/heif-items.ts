import { type ByteWindow, HeaderDamaged, HeaderUnclear, HeaderUnsupported } from '../byte-window.js';
import { boxes, boxesIn, type IsoBox } from './iso-boxes.js';

/** A picture, or a part of one, in a HEIF file (ISO/IEC 23008-12). */
export interface Item {
  type: string;
  width: number;
  height: number;
  /** Whether it is shown turned by 90 or 270 degrees. */
  turned: boolean;
  /** Ids of the items that it is made of, in order and with repetitions. */
  parts: number[];
  /** Ids of its auxiliary items: transparency, depth and others. */
  auxiliaries: number[];
  /** The range of its data, if that is one piece of this file. */
  extent?: { start: number; end: number };
}

export interface HeifItems {
  items: Map<number, Item>;
  /** Id of the item that is the picture. */
  primary: number;
  /** Bytes of all items that are not pictures. */
  metadata: number;
}

/** Types of items that hold EXIF data, text and the like. */
const METADATA = ['Exif', 'mime', 'uri '];

/**
 * Reads the items of a HEIF file (ISO/IEC 14496-12, 8.11; ISO/IEC 23008-12, 6 and 9.3).
 * @throws HeaderDamaged, HeaderUnclear, HeaderUnsupported
 */
export function heifItems(file: ByteWindow): HeifItems {
  let meta: IsoBox | undefined;
  let isSequence = false;
  for (const box of boxes(file, 0, file.length)) {
    if (box.name === 'meta') meta = box;
    if (box.name === 'moov') isSequence = true;
    if (meta) break;
  }
  if (!meta && isSequence) throw new HeaderUnsupported('nothing but an animation');
  const found = boxesIn(file, meta ?? missing(), VERSION_AND_FLAGS);
  const pitm = found.get('pitm') ?? missing();
  const primary = idAt(file, pitm.at + 4, version(file, pitm) > 0);
  const items = itemTypes(file, found.get('iinf') ?? missing());
  const metadata = locations(file, found.get('iloc') ?? missing(), items);
  properties(file, found.get('iprp') ?? missing(), items);
  const iref = found.get('iref');
  if (iref) references(file, iref, items);
  return { primary, items, metadata };
}

const VERSION_AND_FLAGS = 4;
const version = (file: ByteWindow, box: IsoBox) => file.u8(box.at);
const idAt = (file: ByteWindow, at: number, long: boolean) => (long ? file.u32(at) : file.u16(at));

function missing(): never {
  throw new HeaderDamaged();
}

function itemTypes(file: ByteWindow, iinf: IsoBox): Map<number, Item> {
  const items = new Map<number, Item>();
  const entries = iinf.at + VERSION_AND_FLAGS + (version(file, iinf) > 0 ? 4 : 2);
  for (const entry of boxes(file, entries, iinf.end)) {
    if (entry.name !== 'infe' || version(file, entry) < 2) continue;
    const long = version(file, entry) > 2;
    const id = idAt(file, entry.at + 4, long);
    const type = file.name(entry.at + 4 + (long ? 4 : 2) + 2);
    items.set(id, { type, width: 0, height: 0, turned: false, parts: [], auxiliaries: [] });
  }
  return items;
}

/**
 * Reads where the items lie. Several items may share bytes, but no item may be longer than the file, nor may all metadata together:
 * from such a file libheif would assemble gigabytes.
 * @returns bytes of all metadata
 * @throws HeaderDamaged, HeaderUnclear
 */
function locations(file: ByteWindow, iloc: IsoBox, items: Map<number, Item>): number {
  const ilocVersion = version(file, iloc);
  const [offsetBytes, lengthBytes] = nibbles(file.u8(iloc.at + 4));
  const [baseBytes, indexBytes] = nibbles(file.u8(iloc.at + 5));
  const long = ilocVersion > 1;
  let [at, metadata] = [iloc.at + 6, 0];
  const next = (bytes: number) => {
    if (![0, 2, 4, 8].includes(bytes)) throw new HeaderDamaged();
    at += bytes;
    if (bytes === 0) return 0;
    if (bytes === 2) return file.u16(at - 2);
    return bytes === 4 ? file.u32(at - 4) : file.u64(at - 8);
  };
  for (let count = next(long ? 4 : 2); count > 0; count--) {
    const item = items.get(next(long ? 4 : 2));
    const inFile = ilocVersion === 0 || (next(2) & 15) === 0;
    next(2);
    const base = next(baseBytes);
    const extents = next(2);
    let total = 0;
    for (let i = 0; i < extents; i++) {
      if (ilocVersion > 0) next(indexBytes);
      const start = base + next(offsetBytes);
      const length = next(lengthBytes);
      const end = length === 0 ? file.length : start + length;
      total += Math.max(0, end - start);
      if (item && inFile && extents === 1) item.extent = { start, end };
    }
    if (!item || METADATA.includes(item.type)) metadata += total;
    if (Math.max(total, metadata) > file.length) throw new HeaderDamaged();
  }
  return metadata;
}

const nibbles = (byte: number): [number, number] => [byte >> 4, byte & 15];

/** Reads sizes and rotations: a list of properties, and for each item the numbers of its properties, counted from 1. */
function properties(file: ByteWindow, iprp: IsoBox, items: Map<number, Item>): void {
  const found = boxesIn(file, iprp);
  const ipco = found.get('ipco') ?? missing();
  const list = [...boxes(file, ipco.at, ipco.end)];
  for (const ipma of boxes(file, iprp.at, iprp.end)) {
    if (ipma.name !== 'ipma') continue;
    const wide = (file.u8(ipma.at + 3) & 1) === 1;
    const long = version(file, ipma) > 0;
    let at = ipma.at + 8;
    for (let count = file.u32(ipma.at + 4); count > 0; count--) {
      if (at >= ipma.end) throw new HeaderUnclear();
      const item = items.get(idAt(file, at, long));
      at += long ? 4 : 2;
      const own = file.u8(at++);
      for (let i = 0; i < own; i++, at += wide ? 2 : 1) {
        const property = list[(wide ? file.u16(at) & 0x7fff : file.u8(at) & 0x7f) - 1];
        if (item && property) apply(file, property, item);
      }
    }
  }
}

function apply(file: ByteWindow, property: IsoBox, item: Item): void {
  if (property.name === 'irot') item.turned = (file.u8(property.at) & 1) === 1;
  if (property.name !== 'ispe') return;
  // With two sizes it is unclear which one counts.
  if (item.width > 0) throw new HeaderUnclear();
  item.width = file.u32(property.at + 4);
  item.height = file.u32(property.at + 8);
}

function references(file: ByteWindow, iref: IsoBox, items: Map<number, Item>): void {
  const long = version(file, iref) > 0;
  const idBytes = long ? 4 : 2;
  for (const box of boxes(file, iref.at + VERSION_AND_FLAGS, iref.end)) {
    const from = idAt(file, box.at, long);
    const count = file.u16(box.at + idBytes);
    for (let i = 0; i < count; i++) {
      const to = idAt(file, box.at + idBytes + 2 + i * idBytes, long);
      if (box.name === 'dimg') items.get(from)?.parts.push(to);
      if (box.name === 'auxl') items.get(to)?.auxiliaries.push(from);
    }
  }
}
