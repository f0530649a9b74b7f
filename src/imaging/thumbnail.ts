import { decodingFault, openWithSharp } from './decoders/sharp/sharp.js';
import { type DecodeLimits, openFile } from './open-file.js';

/** Longest side in pixels. */
const SIDE = 96;
const QUALITY = 70;

/**
 * A small JPEG of a picture, for people to look at: at most 96 pixels on its longer side, never enlarged, over white where the picture
 * is transparent, without metadata. libvips shrinks a JPEG while it reads it, so this takes a fraction of the time and memory of `decode`, and its pixels
 * are not those that a network sees.
 *
 * @param file the bytes of the file
 * @param autoOrient whether to turn the picture as its metadata say
 * @throws MenagerieError as `decode`
 */
export async function thumbnail(file: Uint8Array, autoOrient: boolean, limits: DecodeLimits): Promise<Uint8Array> {
  const opened = openFile(file, autoOrient, limits);
  const { header, pipeline } = await openWithSharp(opened, { autoOrient, ...limits });
  try {
    return await pipeline
      .resize(SIDE, SIDE, { fit: 'inside', withoutEnlargement: true })
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .jpeg({ quality: QUALITY })
      .toBuffer();
  } catch (error) {
    throw decodingFault(error, opened.format, header);
  }
}
