/** The rules by which answers are combined. Apart from their schema, so that the command line needs no schemas. */
export const COMBINES = ['probabilities', 'logits', 'geometric', 'vote'] as const;
/** How the answers of several models are combined. */
export type Combine = (typeof COMBINES)[number];
