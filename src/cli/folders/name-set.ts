import { hash } from 'node:crypto';

/**
 * A set of names that keeps 12 bytes of the SHA-256 of each, and not the names. Among ten million of them two are taken for one with a
 * probability below 1 in 10^14.
 */
export class NameSet {
  readonly #keys = new Set<string>();

  get size(): number {
    return this.#keys.size;
  }

  has(name: string): boolean {
    return this.#keys.has(keyOf(name));
  }

  add(name: string): void {
    this.#keys.add(keyOf(name));
  }
}

/** A character for each byte takes the least memory. */
function keyOf(name: string): string {
  return hash('sha256', name, 'buffer').toString('latin1', 0, 12);
}
