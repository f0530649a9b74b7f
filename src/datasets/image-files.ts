import { SNIFFED_BYTES, sniff } from '../imaging/formats/sniff.js';
import { readHead } from '../system/regular-file.js';

/** Endings of pictures, whether the server decodes them or not. Files with other endings are known by their content. */
const PICTURE = /\.(jpe?g|jpe|jfif|mpo|png|webp|avif|gif|tiff?|bmp|hei[cf]s?|hif|jxl|jp2|psd)$/i;
const HEIC = /\.(hei[cf]s?|hif)$/i;
/** Raw files of cameras. Most begin like a TIFF, with a thumbnail that would be classified in place of the picture. */
const CAMERA_RAW =
  /\.(3fr|arw|cr[23w]|dcr|dng|erf|fff|iiq|k25|kdc|mef|mos|mrw|nef|nrw|orf|pef|raf|raw|rw[2l]|sr[2fw]|srw|x3f)$/i;
/** Formats that are no photographs: documents, drawings, icons. With such an ending nobody expects them to be classified. */
const NO_PHOTOGRAPH: ReadonlySet<string> = new Set(['pdf', 'svg', 'ico']);

/** Whether a name has the ending of a HEIC file, as iPhones write them. */
export function isHeic(name: string): boolean {
  return HEIC.test(name);
}

/** Whether a name has the ending of a camera's raw file. */
export function isCameraRaw(name: string): boolean {
  return CAMERA_RAW.test(name);
}

/**
 * Whether a file is a picture: by its ending, or else by its first bytes.
 * @throws RefusedFile, system errors
 */
export async function isPicture(path: Buffer): Promise<boolean> {
  const name = path.toString('latin1');
  if (PICTURE.test(name) || CAMERA_RAW.test(name)) return true;
  const head = await readHead(path, SNIFFED_BYTES);
  const format = sniff(head);
  // Two letters are a weak sign: text may begin with BM. A bitmap has four zeros further on.
  if (format === 'bmp') return head.length > 10 && head.readUInt32LE(6) === 0;
  return format !== undefined && !NO_PHOTOGRAPH.has(format);
}
