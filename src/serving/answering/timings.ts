/** The stages of a picture's way. */
export const STAGES = ['decode', 'queue', 'preprocess', 'inference'] as const;

/** Milliseconds that one picture, or the pictures of one request together, spent in each stage. */
export type Timings = Record<(typeof STAGES)[number], number>;

/** Where an answer came from: a computation of its own, one that another request had begun, or the cache. */
export type AnswerSource = 'computed' | 'shared' | 'cached';
