import { setMaxListeners } from 'node:events';
import type { Answer } from './answerer.js';
import type { AnswerSource, Timings } from './timings.js';

/** An answer that was computed. */
export interface Computed {
  answer: Answer;
  timings: Timings;
}

interface Flight {
  promise: Promise<Computed>;
  abort: AbortController;
  /** Requests that still want it. */
  waiting: number;
}

/** Bytes that an answer takes besides its numbers. */
const ANSWER_OVERHEAD_BYTES = 500;

/**
 * Same question, same answer, once: requests for what is being computed wait for that, and a cache of bounded size, where it
 * is wanted, keeps what was computed.
 */
export class SharedAnswers {
  readonly #limit: number;
  readonly #flights = new Map<string, Flight>();
  /** The least recently used first. */
  readonly #cache = new Map<string, Answer>();
  #bytes = 0;

  /** @param cacheBytes bound of the cache; 0: nothing is kept */
  constructor(cacheBytes: number) {
    this.#limit = cacheBytes;
  }

  /** What the cache takes. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The answer to a question.
   * @param key equal for equal questions, and only for these
   * @param signal ends this request's waiting; the computation ends when nobody waits for it any more
   * @param compute called if there is no answer yet and none on its way; its signal says that nobody wants it any more
   * @throws what `compute` throws, or the signal's reason
   */
  async get(
    key: string,
    signal: AbortSignal,
    compute: (signal: AbortSignal) => Promise<Computed>,
  ): Promise<{ answer: Answer; source: AnswerSource; timings: Timings | undefined }> {
    signal.throwIfAborted();
    const cached = this.#cache.get(key);
    if (cached) {
      this.#cache.delete(key);
      this.#cache.set(key, cached);
      return { answer: cached, source: 'cached', timings: undefined };
    }
    const known = this.#flights.get(key);
    const flight = known ?? this.#start(key, compute);
    const { answer, timings } = await this.#join(key, flight, signal);
    return known ? { answer, source: 'shared', timings: undefined } : { answer, source: 'computed', timings };
  }

  #start(key: string, compute: (signal: AbortSignal) => Promise<Computed>): Flight {
    const abort = new AbortController();
    setMaxListeners(0, abort.signal);
    const promise = compute(abort.signal).then(
      (computed) => {
        this.#land(key, flight);
        this.#keep(key, computed.answer);
        return computed;
      },
      (error: unknown) => {
        this.#land(key, flight);
        throw error;
      },
    );
    const flight: Flight = { promise, abort, waiting: 0 };
    this.#flights.set(key, flight);
    return flight;
  }

  #land(key: string, flight: Flight): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }

  async #join(key: string, flight: Flight, signal: AbortSignal): Promise<Computed> {
    flight.waiting++;
    return await new Promise((resolve, reject) => {
      const onAbort = () => {
        flight.waiting--;
        if (flight.waiting === 0) {
          // Whoever asks now begins anew.
          this.#land(key, flight);
          flight.abort.abort(signal.reason);
        }
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      flight.promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
  }

  #keep(key: string, answer: Answer): void {
    // An answer without some of its members is worth less than the next one may be.
    if (answer.missing.length > 0) return;
    const bytes = answerBytes(key, answer);
    // It is there already if a computation that everyone had left has ended after all.
    if (bytes > this.#limit || this.#cache.has(key)) return;
    this.#cache.set(key, answer);
    this.#bytes += bytes;
    for (const [oldest, old] of this.#cache) {
      if (this.#bytes <= this.#limit) break;
      this.#cache.delete(oldest);
      this.#bytes -= answerBytes(oldest, old);
    }
  }
}

function answerBytes(key: string, { combined, members }: Answer): number {
  const numbers = [combined.scores, combined.tieBreak, ...members.map(({ probabilities }) => probabilities)];
  return ANSWER_OVERHEAD_BYTES + 2 * key.length + numbers.reduce((sum, values) => sum + (values?.byteLength ?? 0), 0);
}
