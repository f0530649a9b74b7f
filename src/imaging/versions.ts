import sharp from 'sharp';

/** Versions of what decodes pictures. */
export function imagingVersions(): { sharp: string; libvips: string } {
  const { sharp: own = 'unknown', vips = 'unknown' } = sharp.versions;
  return { sharp: own, libvips: vips };
}
