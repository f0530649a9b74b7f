import type { BuiltNetwork, PictureSize } from './builder.js';

/** A published network, described as a graph. */
export interface Architecture {
  title: string;
  /** Authors, title, year, and where to read it. */
  paper: string;
  input: PictureSize;
  build(): BuiltNetwork;
}
