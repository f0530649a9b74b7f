import { invalidData } from './labelled-picture.js';

/** A class of a label file. */
export interface Named {
  name: string;
  wnid?: string;
}

const AMBIGUOUS = -1;

/** Finds classes by the names that data sets give them: index, WordNet id, name, or one of a name's synonyms. */
export class ClassNames {
  /** Number of classes. */
  readonly size: number;
  readonly #byKey = new Map<string, number>();

  constructor(labels: readonly Named[]) {
    this.size = labels.length;
    // Later entries replace earlier ones: synonyms, then names, then WordNet ids. A name that two classes share is ambiguous.
    for (const [index, { name }] of labels.entries())
      for (const part of name.split(',')) this.#add(comparableName(part), index);
    const whole = new Map<string, number>();
    for (const [index, { name }] of labels.entries()) {
      const key = comparableName(name);
      whole.set(key, whole.has(key) ? AMBIGUOUS : index);
    }
    for (const [key, index] of whole) this.#byKey.set(key, index);
    for (const [index, { wnid }] of labels.entries())
      if (wnid !== undefined) this.#byKey.set(comparableName(wnid), index);
  }

  /**
   * @param where where the name comes from, for messages
   * @throws MenagerieError `invalid_data` if no class has the name, or more than one
   */
  indexOf(text: string, where: string): number {
    const named = this.#byKey.get(comparableName(text));
    if (named === AMBIGUOUS) {
      throw invalidData(`${where}: several classes are called "${text}"; say the WordNet id or the index.`);
    }
    // Names go before indices: the class called "7" need not have index 7.
    const index = named ?? this.#asIndex(text);
    if (index !== undefined) return index;
    throw invalidData(`${where}: there is no class "${text}" among the ${this.size} of the model.`);
  }

  /** Whether `text` is the name of a class, or a name that several share. An index is no name. */
  hasName(text: string): boolean {
    return this.#byKey.has(comparableName(text));
  }

  /** Whether `text` is the name or index of a class, or a name that several share. */
  has(text: string): boolean {
    return this.hasName(text) || this.#asIndex(text) !== undefined;
  }

  #asIndex(text: string): number | undefined {
    return /^\d{1,9}$/.test(text.trim()) && Number(text) < this.size ? Number(text) : undefined;
  }

  #add(key: string, index: number): void {
    const other = this.#byKey.get(key);
    this.#byKey.set(key, other === undefined || other === index ? index : AMBIGUOUS);
  }
}

/** Case, underscores and hyphens do not matter in names. */
function comparableName(text: string): string {
  return text
    .trim()
    .toLowerCase()
    .replaceAll(/[\s_-]+/g, ' ');
}
