import { at } from '../at.js';
import { createRandom } from '../random.js';

const DRAWS = 20_000;

/**
 * One-sided p-value of a paired permutation test on the mean difference: how often random signs give the differences a mean at least as
 * large (Fisher 1935, The Design of Experiments, section 21; drawn, with the draw at hand counted as in Phipson and Smyth 2010).
 * @param better measurements, one per thing
 * @param other measurements of the same things
 * @returns from 1 / 20,001 to 1; small if `better` is larger beyond chance
 */
export function pairedTest(better: readonly number[], other: readonly number[]): number {
  const differences = better.map((value, i) => value - at(other, i));
  const observed = differences.reduce((sum, difference) => sum + difference, 0);
  const random = createRandom(1);
  let asLarge = 0;
  for (let draw = 0; draw < DRAWS; draw++) {
    let sum = 0;
    for (let i = 0; i < differences.length; i += 32) {
      // One draw has 32 signs.
      const signs = random.integer(2 ** 32);
      for (let k = 0; k < 32 && i + k < differences.length; k++) {
        sum += ((signs >>> k) & 1) === 1 ? at(differences, i + k) : -at(differences, i + k);
      }
    }
    if (sum >= observed - 1e-12) asLarge++;
  }
  return (asLarge + 1) / (DRAWS + 1);
}
