/** The stages of answering a picture. */
export const STAGES = ['decode', 'queue', 'preprocess', 'inference'] as const;

/** Milliseconds in each stage, for one picture or the sum for the pictures of a request. */
export type Timings = Record<(typeof STAGES)[number], number>;

/** Where an answer came from: computed for this request, shared with a request that began it, or from the cache. */
export type AnswerSource = 'computed' | 'shared' | 'cached';
