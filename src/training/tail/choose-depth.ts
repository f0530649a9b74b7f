import type { TailDepth } from '../../onnx/gradient/tail.js';

/** How much of the network learns: the new classifier alone, or also the last layers of the network, if that is better. */
export const DEPTHS = ['head', 'last-block', 'stage', 'auto'] as const;
export type Depth = (typeof DEPTHS)[number];

/** How deep to train, and why. */
export interface ChosenDepth {
  depth: 'head' | TailDepth;
  why: string;
}

/** With fewer pictures, trained layers were never better than a new classifier alone (ants and bees, 245 pictures). */
const LEAST_FOR_BLOCK = 500;
/** With so many, two blocks were better than one (2,000 pictures of CIFAR-10). */
const LEAST_FOR_STAGE = 1500;

/** What is trained when `asked`. @param pictures number to train on */
export function chooseDepth(asked: Depth, pictures: number): ChosenDepth {
  if (asked === 'head') return { depth: 'head', why: 'Only a new classifier was asked for.' };
  if (asked !== 'auto') return { depth: asked, why: 'This depth was asked for.' };
  const count = `With ${pictures.toLocaleString('en')} pictures`;
  if (pictures < LEAST_FOR_BLOCK) {
    return {
      depth: 'head',
      why: `${count} a new classifier alone is as good: layers are trained from ${LEAST_FOR_BLOCK} on.`,
    };
  }
  const depth = pictures < LEAST_FOR_STAGE ? 'last-block' : 'stage';
  return { depth, why: `${count} the ${depth === 'stage' ? 'last stage' : 'last block'} was tried.` };
}
