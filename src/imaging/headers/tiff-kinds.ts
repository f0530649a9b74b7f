/** What determines how the samples of a TIFF are to be understood. */
export interface TiffKind {
  photometric: number;
  compression: number;
  /** Bits per sample. */
  bits: number;
  /** Samples per pixel. */
  channels: number;
  sampleFormat: number;
  inkSet: number;
}

const [PALETTE, CMYK, YCBCR] = [3, 5, 6];
/** Channels of colour, by photometric interpretation (TIFF 6.0, sections 4 to 6 and 16). */
const COLOURS: Record<number, number> = { 0: 1, 1: 1, 2: 3, [PALETTE]: 1, [CMYK]: 4 };
const OTHER_COLOURS: Record<number, string> = {
  4: 'a mask instead of colours',
  [YCBCR]: 'YCbCr colours that are not compressed as JPEG',
  8: 'Lab colours',
  9: 'ICC Lab colours',
  10: 'ITU Lab colours',
  32803: 'the mosaic of a sensor',
  32844: 'LogL brightness',
  32845: 'LogLuv colours',
  34892: 'linear samples of a sensor',
};
const JPEG = 7;
/** None, fax codes, LZW, JPEG, Deflate, PackBits, WebP. */
const COMPRESSIONS = [1, 2, 3, 4, 5, JPEG, 8, 32771, 32773, 32946, 50001];
const OTHER_COMPRESSIONS: Record<number, string> = {
  6: 'old-style JPEG',
  34887: 'LERC',
  34712: 'JPEG 2000',
  34925: 'LZMA',
  50000: 'Zstandard',
  50002: 'JPEG XL',
};
const SAMPLE_FORMATS: Record<number, string> = { 2: 'signed samples', 3: 'floating-point samples' };
/** After the colours CMYK may have more channels, for other inks, which are ignored. */
const MOST_INKS = 6;

/**
 * What keeps a TIFF from being decoded: samples that libvips would misunderstand or cannot read. docs/fidelity.md lists what is
 * accepted.
 * @returns text to follow "TIFF with"; undefined if it is accepted
 */
export function unsupportedIn({ photometric, compression, bits, channels, sampleFormat, inkSet }: TiffKind) {
  if (!COMPRESSIONS.includes(compression)) {
    return `${OTHER_COMPRESSIONS[compression] ?? `number ${compression}`} compression`;
  }
  // YCbCr within JPEG is converted by libjpeg.
  const colours = photometric === YCBCR && compression === JPEG ? 3 : COLOURS[photometric];
  if (!colours) return OTHER_COLOURS[photometric] ?? `photometric interpretation ${photometric}`;
  if (sampleFormat !== 1) return SAMPLE_FORMATS[sampleFormat] ?? `samples of format ${sampleFormat}`;
  if (photometric === CMYK && inkSet !== 1) return 'inks other than CMYK';
  const { depths, name } = depthsOf(photometric);
  if (!depths.includes(bits)) return `${bits} bits per sample of ${name}`;
  return channels > (photometric === CMYK ? MOST_INKS : colours + 1) ? `${channels} channels` : undefined;
}

/** The bits that a sample may have. */
function depthsOf(photometric: number): { depths: number[]; name: string } {
  if (photometric === CMYK) return { depths: [8], name: 'CMYK' };
  if (photometric === PALETTE) return { depths: [1, 2, 4, 8], name: 'a palette' };
  return photometric < 2 ? { depths: [1, 2, 4, 8, 16], name: 'grey' } : { depths: [8, 16], name: 'colour' };
}
