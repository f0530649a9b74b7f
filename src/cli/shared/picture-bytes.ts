import type { LabelledPicture } from '../../datasets/labelled-picture.js';
import { encodePng } from '../../imaging/encode.js';

/** The bytes of a picture's file; of a picture without a file of its own, as PNG. */
export async function readPictureBytes({ read }: LabelledPicture): Promise<Uint8Array> {
  const content = await read();
  return content instanceof Uint8Array ? content : await encodePng(content);
}
