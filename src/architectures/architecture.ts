import type { BuiltNetwork, PictureSize } from './builder.js';

/** A published network. */
export interface Architecture {
  title: string;
  /** Authors, title, year, and identifier. */
  paper: string;
  input: PictureSize;
  build(): BuiltNetwork;
}
