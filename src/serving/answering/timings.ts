/** Milliseconds that one picture, or the pictures of one request together, spent in each stage. */
export interface Timings {
  decode: number;
  queue: number;
  preprocess: number;
  inference: number;
}

/** Where an answer came from: a computation of its own, one that another request had begun, or the cache. */
export type AnswerSource = 'computed' | 'shared' | 'cached';
