import type { Picture } from '../../src/core/pixels/picture.js';
import { decode, QUICK_DECODERS } from '../../src/imaging/decode.js';
import type { Decoder } from '../../src/imaging/decoders/decoder.js';
import { sharpDecoder } from '../../src/imaging/decoders/sharp/sharp.js';
import { type DecodeLimits, openFile } from '../../src/imaging/open-file.js';

type Decode = (bytes: Uint8Array, autoOrient: boolean, limits: DecodeLimits) => Promise<Picture | undefined>;

/** The result of one decoder; undefined if it leaves the picture to sharp. */
const by =
  (decoder: Decoder): Decode =>
  async (bytes, autoOrient, limits) => {
    const file = openFile(bytes, autoOrient, limits);
    const { header, format } = file;
    const takes =
      decoder === sharpDecoder ||
      (header !== 'unclear' && decoder.formats.includes(format) && decoder.cost(header, file.bytes.length));
    return takes ? decoder.decode(file, { autoOrient, ...limits }) : undefined;
  };

/** Every decoder alone, and all of them as they are used. Quick ones leave pictures to sharp. */
export const DECODERS: Record<string, Decode> = {
  all: decode,
  ...Object.fromEntries([sharpDecoder, ...QUICK_DECODERS].map((decoder) => [decoder.name, by(decoder)])),
};
