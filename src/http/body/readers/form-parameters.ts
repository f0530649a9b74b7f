import { MenagerieError } from '../../../core/errors.js';

/** Most bytes of a parameter. */
const MAX_PARAMETER_BYTES = 1024;
const MAX_PARAMETERS = 32;

/** The parameters among the parts of a form, as they arrive. */
export class FormParameters {
  /** By name, as text. */
  readonly all = new Map<string, string>();
  readonly #names: ReadonlySet<string>;
  #begun = 0;
  #name = '';
  #text: Buffer = Buffer.alloc(0);

  /** @param names of the parameters that the form may hold */
  constructor(names: ReadonlySet<string>) {
    this.#names = names;
  }

  /** A part begins. @returns whether there is a parameter of this name @throws MenagerieError `unexpected_field` for too many */
  begin(name: string): boolean {
    if (!this.#names.has(name)) return false;
    if (++this.#begun > MAX_PARAMETERS) {
      throw new MenagerieError('unexpected_field', `A form holds at most ${MAX_PARAMETERS} parameters.`);
    }
    this.#name = name;
    this.#text = Buffer.alloc(0);
    return true;
  }

  /** @throws MenagerieError `invalid_request` if it is too long */
  add(bytes: Uint8Array): void {
    if (this.#text.length + bytes.length > MAX_PARAMETER_BYTES) {
      throw new MenagerieError('invalid_request', `${this.#name} is longer than ${MAX_PARAMETER_BYTES} bytes.`);
    }
    this.#text = Buffer.concat([this.#text, bytes]);
  }

  /** @throws MenagerieError `invalid_request` if it was there before, with another value */
  end(): void {
    const value = this.#text.toString('utf8');
    const before = this.all.get(this.#name);
    if (before !== undefined && before !== value) {
      throw new MenagerieError('invalid_request', `${this.#name} is twice in the form, with different values.`);
    }
    this.all.set(this.#name, value);
  }
}
