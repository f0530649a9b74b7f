import { bytesInMemory } from '../core/byte-source.js';
import { MenagerieError } from '../core/errors.js';
import { assertPixels } from './decoders/assert-pixels.js';
import type { OpenedFile } from './decoders/decoder.js';
import { describeBytes } from './formats/describe-bytes.js';
import { ACCEPTED_FORMATS, type AcceptedFormat, isAccepted, sniff } from './formats/sniff.js';
import { readHeader } from './header.js';
import { HeaderUnsupported } from './headers/byte-window.js';
import { stripMetadata } from './strip-metadata.js';

export interface DecodeLimits {
  /** Width x height, checked from the header. */
  maxPixels: number;
}

/**
 * Checks all that our own code knows of a file without decoding it.
 * @throws MenagerieError as `decode`
 */
export function openFile(file: Uint8Array, autoOrient: boolean, limits: DecodeLimits): OpenedFile {
  const format = acceptedFormat(file);
  const bytes = stripMetadata(file, format, autoOrient);
  const header = readHeader(bytesInMemory(bytes), format);
  if (header === 'damaged') {
    throw new MenagerieError('corrupt_image', 'The header of the picture is truncated or damaged.');
  }
  if (header instanceof HeaderUnsupported) {
    const what = `${format.toUpperCase()} with ${header.message} is not supported`;
    throw new MenagerieError('unsupported_image_format', `${what}. Save the picture as PNG or as an ordinary JPEG.`);
  }
  // Before a decoder opens the file: libvips allocates rows of some pictures then.
  if (header !== 'unclear') assertPixels(header, limits.maxPixels);
  return { format, bytes, header };
}

function acceptedFormat(bytes: Uint8Array): AcceptedFormat {
  if (bytes.length === 0) throw new MenagerieError('empty_body', 'The picture is empty: 0 bytes.');
  const format = sniff(bytes);
  const accepted = ACCEPTED_FORMATS.map((name) => name.toUpperCase()).join(', ');
  if (!format) {
    const what = describeBytes(bytes);
    throw new MenagerieError('not_an_image', `This is not a picture but ${what}. Accepted formats: ${accepted}.`);
  }
  if (!isAccepted(format)) {
    throw new MenagerieError(
      'unsupported_image_format',
      `${format.toUpperCase()} is not accepted. Accepted formats: ${accepted}.`,
    );
  }
  return format;
}
