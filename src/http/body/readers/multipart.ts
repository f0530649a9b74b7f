import { MenagerieError } from '../../../core/errors.js';

/** Takes the parts of a multipart body as they arrive. */
export interface PartHandler {
  /** @param head the header lines, one character per byte */
  partBegins(head: string): void;
  partContinues(bytes: Uint8Array): void;
  partEnds(): void;
}

/** Most bytes of the headers of a part. */
const MAX_HEAD = 16 * 1024;
/** Most bytes before the first part, and of spaces after a boundary. */
const MAX_PREAMBLE = 16 * 1024;
const MAX_PADDING = 256;
const LINE_END = '\r\n';
const NOTHING: Buffer = Buffer.alloc(0);

/** Splits a multipart body (RFC 2046, 5.1.1) into its parts as its bytes arrive. */
export class MultipartSplitter {
  readonly #delimiter: Buffer;
  readonly #handler: PartHandler;
  #state: 'preamble' | 'delimiter' | 'head' | 'content' | 'complete' = 'preamble';
  /** The first bytes of something that is not complete yet. The first delimiter needs no line end before it. */
  #rest: Buffer = Buffer.from(LINE_END);
  #preamble = 0;

  constructor(boundary: string, handler: PartHandler) {
    this.#delimiter = Buffer.from(`${LINE_END}--${boundary}`, 'latin1');
    this.#handler = handler;
  }

  /** Whether the last boundary has arrived. */
  get complete(): boolean {
    return this.#state === 'complete';
  }

  /** Takes the next bytes. @throws MenagerieError `malformed_body`, and what the handler throws */
  add(chunk: Uint8Array): void {
    let bytes: Buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    if (this.#rest.length > 0) bytes = Buffer.concat([this.#rest, bytes]);
    this.#rest = NOTHING;
    while (bytes.length > 0 && !this.complete) {
      const done = this.#step(bytes);
      if (done === undefined) {
        this.#rest = Buffer.from(bytes);
        return;
      }
      bytes = bytes.subarray(done);
    }
  }

  /** Processes the start of these bytes. @returns the number of bytes processed; undefined if more are needed */
  #step(bytes: Buffer): number | undefined {
    switch (this.#state) {
      case 'preamble':
      case 'content':
        return this.#content(bytes);
      case 'delimiter':
        return this.#afterDelimiter(bytes);
      default:
        return this.#head(bytes);
    }
  }

  #content(bytes: Buffer): number | undefined {
    const found = bytes.indexOf(this.#delimiter);
    const length = found === -1 ? bytes.length - this.#begunDelimiter(bytes) : found;
    if (this.#state === 'content') {
      if (length > 0) this.#handler.partContinues(bytes.subarray(0, length));
      if (found !== -1) this.#handler.partEnds();
    } else {
      this.#preamble += length;
      if (this.#preamble > MAX_PREAMBLE)
        throw malformed('The form does not begin with the boundary of its Content-Type.');
    }
    if (found === -1) return length > 0 ? length : undefined;
    this.#state = 'delimiter';
    return found + this.#delimiter.length;
  }

  /** Number of bytes at the end that may be the start of a delimiter. */
  #begunDelimiter(bytes: Buffer): number {
    // A delimiter holds a carriage return only at its start, so only the last one can begin it.
    const at = bytes.lastIndexOf('\r');
    const end = at === -1 ? NOTHING : bytes.subarray(at);
    return this.#delimiter.subarray(0, end.length).equals(end) ? end.length : 0;
  }

  #afterDelimiter(bytes: Buffer): number | undefined {
    if (bytes.length < 2) return undefined;
    if (bytes.toString('latin1', 0, 2) === '--') {
      this.#state = 'complete';
      return 2;
    }
    const end = bytes.indexOf(LINE_END);
    const padding = bytes.toString('latin1', 0, end === -1 ? bytes.length - 1 : end);
    if (/[^ \t]/.test(padding) || padding.length > MAX_PADDING) {
      throw malformed('A boundary of the form is not followed by the end of its line.');
    }
    if (end === -1) return undefined;
    this.#state = 'head';
    // The line end stays: the head ends with two of them, also if it is empty.
    return end;
  }

  #head(bytes: Buffer): number | undefined {
    const end = bytes.indexOf(LINE_END + LINE_END);
    if (end > MAX_HEAD || (end === -1 && bytes.length > MAX_HEAD)) {
      throw malformed(`The headers of a part of the form take more than ${MAX_HEAD} bytes.`);
    }
    if (end === -1) return undefined;
    this.#state = 'content';
    this.#handler.partBegins(bytes.toString('latin1', LINE_END.length, end));
    return end + 2 * LINE_END.length;
  }
}

function malformed(detail: string): MenagerieError {
  return new MenagerieError('malformed_body', detail);
}
