import { orientationInExif } from './exif.js';
import { orientationInXmp } from './xmp.js';

/** The metadata of a picture that may state an orientation. */
export interface OrientationSources {
  exif?: Uint8Array | undefined;
  xmp?: Uint8Array | undefined;
}

/**
 * How a picture is to be turned, as Pillow's `Image.getexif` finds it: by EXIF data, and by XMP only if they state nothing.
 * @returns 2 to 8; undefined if the picture is upright
 */
export function orientationOf({ exif, xmp }: OrientationSources): number | undefined {
  const stated = (exif && orientationInExif(exif)) ?? (xmp && orientationInXmp(xmp));
  return stated !== undefined && stated >= 2 && stated <= 8 ? stated : undefined;
}
