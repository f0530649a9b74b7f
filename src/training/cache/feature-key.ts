import { createHash } from 'node:crypto';

/** What features depend on, besides the picture. */
export interface FeatureKey {
  /** SHA-256 of the network's file. */
  weights: string;
  /** How a picture becomes the input, as text: the same text for the same input. */
  preparation: string;
  /** Which view of the picture. */
  view: string;
  /** The tensor that is kept. */
  tensor: string;
}

/** A name for files, different for different keys. */
export function keyName({ weights, preparation, view, tensor }: FeatureKey): string {
  const text = JSON.stringify([weights, preparation, view, tensor]);
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
