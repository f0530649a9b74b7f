import sharp from 'sharp';

// libvips has dozens of loaders, some of them (SVG, PDF, Magick) with a large attack surface. Only these may run, in all threads.
// The main thread does this once, before it starts others, because for a moment no loader may run.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: ['Jpeg', 'Png', 'Webp', 'Heif', 'Nsgif', 'Tiff'].map((loader) => `VipsForeignLoad${loader}Buffer`),
});
