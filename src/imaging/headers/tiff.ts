import type { ByteSource } from '../../core/byte-source.js';
import { ByteWindow, HeaderDamaged, HeaderUnsupported } from './byte-window.js';
import { type Coding, type PictureHeader, USUAL } from './picture-header.js';
import { firstDirectory } from './tiff-directory.js';
import { unsupportedIn } from './tiff-kinds.js';

/** Tags of TIFF 6.0, sections 8, 15, 16 and 19. */
const TAG = {
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  orientation: 274,
  channels: 277,
  tileWidth: 322,
  tileHeight: 323,
  inkSet: 332,
  extraSamples: 338,
  sampleFormat: 339,
};
/** By the number of the compression; all others are 'tiff-packed'. */
const CODINGS: Record<number, Coding> = {
  ...{ 1: 'tiff', 32773: 'tiff' },
  ...{ 2: 'tiff-coded', 3: 'tiff-coded', 4: 'tiff-coded', 7: 'tiff-coded', 50001: 'tiff-webp' },
};
const CMYK = 5;
/** An orientation in XMP counts if there is no other. */
const XMP = 700;
/** Tags with the offsets and lengths of strips and tiles. */
const PLACES = [273, 279, 324, 325];
const WANTED = new Set(Object.values(TAG));

/**
 * Reads the first directory of a TIFF or BigTIFF (TIFF 6.0, section 2; BigTIFF); only the first page is decoded.
 * @throws HeaderDamaged, HeaderUnclear, HeaderUnsupported
 */
export function tiffHeader(source: ByteSource): PictureHeader {
  const tags = new Map<number, number>();
  let [metadata, hasXmp] = [0, false];
  for (const { tag, bytes, value } of firstDirectory(new ByteWindow(source), WANTED)) {
    if (value !== undefined && !tags.has(tag)) tags.set(tag, value);
    if (!WANTED.has(tag) && !PLACES.includes(tag)) metadata += bytes;
    if (tag === XMP) hasXmp = true;
  }
  const tag = (name: keyof typeof TAG, otherwise: number) => tags.get(TAG[name]) ?? otherwise;
  const [width, height] = [tag('width', 0), tag('height', 0)];
  if (width === 0 || height === 0) throw new HeaderDamaged();
  const [channels, bits, compression] = [tag('channels', 1), tag('bits', 1), tag('compression', 1)];
  const [photometric, sampleFormat, inkSet] = [tag('photometric', 1), tag('sampleFormat', 1), tag('inkSet', 1)];
  const unsupported = unsupportedIn({ photometric, compression, bits, channels, sampleFormat, inkSet });
  if (unsupported) throw new HeaderUnsupported(unsupported);
  // A palette is expanded to RGB, and bits to bytes.
  const stored = photometric === 3 ? Math.max(3, channels) : channels;
  const pixelBytes = stored * Math.max(1, Math.ceil(bits / 8));
  const coding = CODINGS[compression] ?? 'tiff-packed';
  const tile = { width: tag('tileWidth', 0), height: tag('tileHeight', 0) };
  return {
    ...USUAL,
    ...{ coding, width, height, pixelBytes },
    samples: width * height * pixelBytes,
    metadata,
    cmyk: photometric === CMYK,
    // An extra channel that is said to be anything else is ignored.
    hasAlpha: (channels === 2 || channels === 4) && photometric !== CMYK && tag('extraSamples', 2) !== 0,
    mayTurn: tag('orientation', hasXmp ? 0 : 1) !== 1,
    // libvips keeps whole rows of tiles.
    held: tile.width > 0 ? Math.ceil(width / tile.width) * tile.width * tile.height * pixelBytes : 0,
  };
}
