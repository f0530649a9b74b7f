const ESCAPED: Readonly<Record<string, string>> = { '/': '/', n: '\n', r: '\r', t: '\t' };
const DATA_URL = /^data:[^,]{0,200};base64,/i;

/**
 * Decodes base64 in a JSON string as it arrives: RFC 4648, both alphabets, with or without padding and line breaks; also a data URL
 * of it.
 */
export class Base64Text {
  readonly #write: (bytes: Uint8Array) => void;
  #begun = false;
  /** Characters that are not decoded yet: less than four, or the start of an escape. */
  #rest = '';
  /** Whether the padding has come. */
  #padded = false;
  #faulty = false;

  /** @param write takes the bytes */
  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
  }

  /** Takes the next characters, escapes included. The first call must have the whole start of a data URL. */
  add(text: string): void {
    if (this.#faulty) return;
    const all = this.#rest + (this.#begun ? text : text.replace(DATA_URL, ''));
    this.#begun = true;
    const [begun = ''] = /\\(?:u[\da-f]{0,3})?$/i.exec(all) ?? [];
    this.#decode(withoutEscapes(all.slice(0, all.length - begun.length)).replace(/\s+/g, ''), begun);
  }

  /** Takes the end of the text. @returns whether all of it was base64 */
  end(): boolean {
    const left = this.#rest.replace(/=+$/, '');
    if (this.#faulty || left.length === 1) return false;
    if (left !== '') this.#write(Buffer.from(left, 'base64'));
    return true;
  }

  #decode(text: string, begun: string): void {
    this.#faulty = this.#padded ? text !== '' : !/^[\w+/-]*={0,2}$/.test(text);
    if (this.#faulty) return;
    const whole = text.slice(0, text.length - (text.length % 4));
    if (whole !== '') this.#write(Buffer.from(whole, 'base64'));
    this.#padded = whole.endsWith('=');
    this.#rest = text.slice(whole.length) + begun;
  }
}

/** Text with JSON's escapes resolved; a backslash stays where base64 has no such character. */
function withoutEscapes(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(/\\(?:u([\da-f]{4})|(.))/gi, (_all, code?: string, letter = '') =>
    code === undefined ? (ESCAPED[letter] ?? '\\') : String.fromCharCode(Number.parseInt(code, 16)),
  );
}
