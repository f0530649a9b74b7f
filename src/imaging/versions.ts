import sharp from 'sharp';

/** Versions of the libraries that decode pictures. */
export function imagingVersions(): { sharp: string; libvips: string } {
  const { sharp: own = 'unknown', vips = 'unknown' } = sharp.versions;
  return { sharp: own, libvips: vips };
}
