import sharp from 'sharp';

/** @type {Record<string, (picture: import('sharp').Sharp) => import('sharp').Sharp>} */
const KINDS = {
  AVIF: (picture) => picture.avif({ quality: 20, effort: 0 }),
  'lossless WebP': (picture) => picture.webp({ lossless: true, effort: 0 }),
  'CMYK JPEG': (picture) => picture.toColourspace('cmyk').jpeg({ quality: 30 }),
  'progressive JPEG': (picture) => picture.jpeg({ quality: 30, progressive: true }),
  'interlaced 16-bit PNG': (picture) => picture.toColourspace('rgb16').png({ progressive: true }),
  'deflated TIFF': (picture) => picture.tiff({ compression: 'deflate' }),
  GIF: (picture) => picture.gif({ effort: 1 }),
};

/**
 * Black pictures of the kinds that take least to send and most to decode, by kind.
 * @param {number} side pixels @param {(name: string) => void} progress
 */
export async function costlyPictures(side, progress) {
  /** @type {Record<string, Uint8Array>} */
  const pictures = {};
  for (const [name, write] of Object.entries(KINDS)) {
    progress(name);
    const black = sharp({
      create: { width: side, height: side, channels: 3, background: '#000' },
      limitInputPixels: false,
    });
    pictures[name] = await write(black).toBuffer();
  }
  return pictures;
}
