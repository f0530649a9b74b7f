import { isErrorCode, MenagerieError } from '../../core/errors.js';
import Type, { Compile, type Static } from '../../core/schema/typebox.js';
import { reasonOf } from '../../system/errors.js';
import type { ClassifyRequest } from './requests.js';

const ModelSchema = Type.Object({ variant: Type.String(), provider: Type.String() });
const ANSWER = Compile(Type.Object({ model: ModelSchema }));
const PROBLEM = Compile(Type.Object({ code: Type.String(), detail: Type.String() }));

/** What has answered. */
type AnsweredBy = Static<typeof ModelSchema>;

/** A server that runs, and the model to ask. */
export class LoadTarget {
  /** Of the server: scheme, host and port. */
  readonly origin: string;
  readonly #path: string;
  /** Longest wait for one answer, in ms. */
  readonly timeoutMs: number;
  /** Higher than any earlier one: the server may have cached those answers. */
  #lastSeed = Date.now() * 1000;

  /**
   * @param url of the server; its path, if it has one, comes before those of the interface
   * @param timeoutMs longest wait for one answer
   */
  constructor(url: URL, model: string, timeoutMs: number) {
    this.origin = url.origin;
    this.#path = `${url.pathname.replace(/\/$/, '')}/classify?model=${encodeURIComponent(model)}`;
    this.timeoutMs = timeoutMs;
  }

  /** The path of the next request. Its seed makes it a question of its own: a question that is asked twice is answered once. */
  nextPath(): string {
    return `${this.#path}&seed=${++this.#lastSeed}`;
  }

  /**
   * Asks once.
   * @returns which model answered
   * @throws MenagerieError with the code and message of the server's error; `server_failed` if it does not answer as menagerie does;
   *   the signal's reason
   */
  async ask({ file, body, headers }: ClassifyRequest, signal: AbortSignal): Promise<AnsweredBy> {
    const limits = AbortSignal.any([signal, AbortSignal.timeout(this.timeoutMs)]);
    const { status, text } = await this.#post({ body: new Uint8Array(body), headers, signal: limits }, signal);
    const answer = parseJson(text);
    if (status === 200 && ANSWER.Check(answer))
      return { variant: answer.model.variant, provider: answer.model.provider };
    if (PROBLEM.Check(answer) && isErrorCode(answer.code)) {
      throw new MenagerieError(answer.code, `${file}: the server answers: ${answer.detail}`);
    }
    throw new MenagerieError(
      'server_failed',
      `${this.origin} answers with status ${status}, and not as menagerie does.`,
    );
  }

  async #post(options: RequestInit, signal: AbortSignal): Promise<{ status: number; text: string }> {
    try {
      const reply = await fetch(`${this.origin}${this.nextPath()}`, { method: 'POST', redirect: 'manual', ...options });
      return { status: reply.status, text: await reply.text() };
    } catch (error) {
      signal.throwIfAborted();
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
      throw new MenagerieError('server_failed', `${this.origin} does not answer: ${reasonOf(cause)}`, { cause: error });
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
