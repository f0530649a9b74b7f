/** @import { Random } from '../../dist/core/random.js' */

/**
 * One of several things, each as likely as the others.
 * @template T @param {Random} random @param {readonly T[]} choices @returns {T}
 * @throws RangeError if there are none
 */
export function oneOf(random, choices) {
  const choice = choices[random.integer(choices.length)];
  if (choice === undefined) throw new RangeError('there is nothing to choose from');
  return choice;
}
