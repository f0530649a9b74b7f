import { setMaxListeners } from 'node:events';
import type { Answer } from './answerer.js';
import type { AnswerSource, Timings } from './timings.js';

/** A computed answer. */
export interface Computed {
  answer: Answer;
  timings: Timings;
}

/** A computation that has not ended. */
interface Flight {
  promise: Promise<Computed>;
  abort: AbortController;
  /** Number of requests that wait for it. */
  waiting: number;
}

/** Bytes that a cached answer takes in addition to its numbers. */
const ANSWER_OVERHEAD_BYTES = 500;

/**
 * Computes equal answers once: requests for an answer that is being computed wait for it, and a cache of limited size keeps computed
 * answers.
 */
export class SharedAnswers {
  readonly #limit: number;
  readonly #flights = new Map<string, Flight>();
  /** Least recently used first. */
  readonly #cache = new Map<string, Answer>();
  #bytes = 0;

  /** @param cacheBytes limit of the cache; 0: no cache */
  constructor(cacheBytes: number) {
    this.#limit = cacheBytes;
  }

  /** Bytes in the cache. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The answer for a key.
   * @param key equal exactly if the answers are equal
   * @param signal ends the wait of this request; the computation ends when no request waits for it
   * @param compute called if the answer is neither cached nor being computed; its signal aborts when no request waits for it
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
          // The next request for this key starts a new computation.
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
    // Not cached if members are missing: the next answer may have them.
    if (answer.missing.length > 0) return;
    const bytes = answerBytes(key, answer);
    // It is already cached if an abandoned computation completed in spite of its signal.
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
