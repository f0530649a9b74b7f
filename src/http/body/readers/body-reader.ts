import { MenagerieError } from '../../../core/errors.js';
import type { ImageFile } from '../../../serving/ticket.js';
import type { ByteAccount } from '../memory/byte-budget.js';

/** What a body holds. */
export interface Body {
  images: ImageFile[];
  /** Parameters by name, as text, as in a query. */
  parameters: ReadonlyMap<string, string>;
}

/** Reads a body as its bytes arrive. */
export interface BodyReader {
  /** Takes the next bytes. @throws MenagerieError */
  add(chunk: Uint8Array): void;
  /** Whether all that belongs to the body has arrived. What follows is dropped. */
  readonly complete: boolean;
  /** Called after the last byte. @throws MenagerieError */
  end(): Body;
}

/** The limits and rules for a body. */
export interface BodyRules {
  /** Most bytes of one picture. */
  maxBytes: number;
  /** Most pictures of one request. */
  maxImages: number;
  /** Names of the parameters that the body may hold. */
  parameterNames: ReadonlySet<string>;
  /** Charged for the bytes in memory. */
  account: ByteAccount;
}

/** How to send a picture, for clients that sent something else. */
export const HOW_TO_SEND =
  'Send the bytes of a picture as the body, or a form with a file in the field "image", or JSON such as {"image": "<base64>"}.';

export function tooManyImages(maxImages: number): MenagerieError {
  return new MenagerieError('too_many_images', `A request holds at most ${maxImages} pictures.`);
}
