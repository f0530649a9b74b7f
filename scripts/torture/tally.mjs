/** Numbers by name. What was never counted is 0. */
export class Tally {
  /** @type {Map<string, number>} */
  #counts = new Map();

  /** @param {Iterable<[string, number]>} entries */
  constructor(entries = []) {
    for (const [name, count] of entries) this.add(name, count);
  }

  /** @param {string} name */
  add(name, count = 1) {
    const sum = this.get(name) + count;
    if (sum === 0) this.#counts.delete(name);
    else this.#counts.set(name, sum);
  }

  /** @param {string} name */
  get(name) {
    return this.#counts.get(name) ?? 0;
  }

  /** Names and numbers, by name. @returns {[string, number][]} */
  get entries() {
    return [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** The sum over all names, or over those that match. */
  total(pattern = /(?:)/) {
    return this.entries.reduce((sum, [name, count]) => sum + (pattern.test(name) ? count : 0), 0);
  }

  /** What has been counted since another was. @param {Tally} earlier */
  since(earlier) {
    const grown = new Tally(this.entries);
    for (const [name, count] of earlier.entries) grown.add(name, -count);
    return grown;
  }

  /** How it differs from another, one sentence for each name. @param {Tally} other */
  differences(other) {
    return this.since(other).entries.map(([name]) => `${name} is ${this.get(name)}, not ${other.get(name)}`);
  }

  toString() {
    return this.entries.map(([name, count]) => `${name}: ${shown(count)}`).join(', ') || 'nothing';
  }
}

/** A whole number for people: 10,000. @param {number} count */
export const shown = (count) => count.toLocaleString('en-US', { maximumFractionDigits: 0 });
