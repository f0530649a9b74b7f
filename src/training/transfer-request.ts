import type { VariantName } from '../core/manifest/variant.js';
import type { Depth } from './tail/choose-depth.js';

/** What a training is asked to do. */
export interface TransferRequest {
  /** Id of the model to begin with. */
  base: string;
  /** Undefined: the one that serves, or the base's default. Layers of the network can only learn in fp32. */
  variant: VariantName | undefined;
  /** Id of the new model. If it was trained here before, the new one replaces it. */
  id: string;
  title: string | undefined;
  /** Absolute path of the folder with a folder of pictures for each class. */
  data: string;
  /** The same for pictures that only measure. */
  val: string | undefined;
  depth: Depth;
  /** How pictures are distorted while the model learns, as for test-time augmentation; empty: not at all. */
  augment: string;
  /** Sizes of the hidden layer to try; empty: none. */
  hidden: readonly number[];
  seed: number;
}

/** The steps of a training, in their order. */
export const STEPS = ['reading', 'features', 'head', 'tail', 'writing', 'loading'] as const;
export type Step = (typeof STEPS)[number];

/** How far a training is. */
export interface Progress {
  step: Step;
  done: number;
  total: number;
  /** One line for people; empty if the numbers say all. */
  note: string;
}

/** What came of a training. */
export interface TransferResult {
  /** Id of the model. */
  model: string;
  /** Version of the model: the first digits of the SHA-256 of its file. */
  version: string;
  /** Cross-validated, 0..1. */
  accuracy: number;
  classes: number;
  pictures: number;
}
