import sharp from 'sharp';

// libvips knows dozens of loaders, some of them (SVG, PDF, Magick) with a wide attack surface. Only these may run, in all
// threads: this is done once for the process, by the main thread before any other, because for a moment nothing may.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: ['Jpeg', 'Png', 'Webp', 'Heif', 'Nsgif', 'Tiff'].map((loader) => `VipsForeignLoad${loader}Buffer`),
});
