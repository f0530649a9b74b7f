/** Picture formats that are recognised by their first bytes. */
export type Format =
  | 'jpeg'
  | 'png'
  | 'webp'
  | 'avif'
  | 'gif'
  | 'tiff'
  | 'svg'
  | 'bmp'
  | 'heic'
  | 'jxl'
  | 'jp2'
  | 'psd'
  | 'ico'
  | 'pdf';

/** The formats the server decodes. */
export const ACCEPTED_FORMATS = ['jpeg', 'png', 'webp', 'avif', 'gif', 'tiff'] as const satisfies Format[];
export type AcceptedFormat = (typeof ACCEPTED_FORMATS)[number];

const ACCEPTED: ReadonlySet<Format> = new Set(ACCEPTED_FORMATS);

/** Whether the server decodes pictures of a format. */
export function isAccepted(format: Format): format is AcceptedFormat {
  return ACCEPTED.has(format);
}

/** Bytes at the start of a file that `sniff` looks at. */
export const SNIFFED_BYTES = 1024;

const ascii = (text: string) => [...text].map((char) => char.charCodeAt(0));
const SIGNATURES: [format: Format, offset: number, bytes: number[]][] = [
  ['jpeg', 0, [0xff, 0xd8, 0xff]],
  ['png', 0, [0x89, ...ascii('PNG\r\n'), 0x1a, 0x0a]],
  ['gif', 0, ascii('GIF8')],
  ['tiff', 0, [...ascii('II'), 0x2a, 0]],
  ['tiff', 0, [...ascii('MM'), 0, 0x2a]],
  ['tiff', 0, [...ascii('II'), 0x2b, 0]],
  ['tiff', 0, [...ascii('MM'), 0, 0x2b]],
  ['webp', 8, ascii('WEBP')],
  ['bmp', 0, ascii('BM')],
  ['psd', 0, ascii('8BPS')],
  ['pdf', 0, ascii('%PDF')],
  ['ico', 0, [0, 0, 1, 0]],
  ['jxl', 0, [0xff, 0x0a]],
  ['jxl', 4, ascii('JXL ')],
  ['jp2', 4, ascii('jP  ')],
];
const HEIC_BRANDS = ['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'mif1', 'msf1'];

/** The format of a file by its magic bytes, or undefined if it is no known picture format. */
export function sniff(bytes: Uint8Array): Format | undefined {
  for (const [format, offset, signature] of SIGNATURES) {
    if (signature.every((byte, i) => bytes[offset + i] === byte)) return format;
  }
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, SNIFFED_BYTES));
  if (head.toString('latin1', 4, 8) === 'ftyp') {
    // ISO base media: the major brand, then the compatible brands (ISO/IEC 14496-12, 4.3).
    const brands = head.toString('latin1', 8, Math.min(64, head.readUInt32BE(0)));
    if (/avi[fs]/.test(brands)) return 'avif';
    if (HEIC_BRANDS.some((brand) => brands.includes(brand))) return 'heic';
  }
  const text = head
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimStart();
  return /^<(\?xml|!--|!DOCTYPE svg|svg)/i.test(text) && /<svg[\s>]/i.test(text) ? 'svg' : undefined;
}
