import { invalidData } from './labelled-picture.js';

/** A class as label files name it. */
export interface Named {
  name: string;
  wnid?: string;
}

const AMBIGUOUS = -1;

/** Finds classes by what data sets call them: index, WordNet id, name, or one of a name's synonyms. */
export class ClassNames {
  /** Number of classes. */
  readonly size: number;
  readonly #byKey = new Map<string, number>();

  constructor(labels: readonly Named[]) {
    this.size = labels.length;
    // What is surer goes before what is less so; a name that two classes share names neither.
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
   * @param where for messages
   * @throws MenagerieError `invalid_data` for what names no class, or more than one
   */
  indexOf(text: string, where: string): number {
    const named = this.#byKey.get(comparableName(text));
    if (named === AMBIGUOUS) {
      throw invalidData(`${where}: several classes are called "${text}"; say the WordNet id or the index.`);
    }
    // A class may be called "7" and be that of index 7, as digits are.
    if (named !== undefined) return named;
    const index = /^\d{1,9}$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (index < this.size) return index;
    throw invalidData(`${where}: there is no class "${text}" among the ${this.size} of the model.`);
  }

  #add(key: string, index: number): void {
    const other = this.#byKey.get(key);
    this.#byKey.set(key, other === undefined || other === index ? index : AMBIGUOUS);
  }
}

/** Case, underscores and hyphens do not tell classes apart. */
function comparableName(text: string): string {
  return text
    .trim()
    .toLowerCase()
    .replaceAll(/[\s_-]+/g, ' ');
}
