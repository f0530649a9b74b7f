import type { Pieces } from '../../core/byte-source.js';
import { Stop, type StopSignal } from '../../core/queues/stop-signal.js';
import type { Answer } from './answerer.js';
import type { AnswerSource, Timings } from './timings.js';

/** A computed answer. */
export interface Computed {
  answer: Answer;
  timings: Timings;
}

/** What an answer depends on. */
export interface Wanted {
  file: Pieces;
  /** Equal exactly if equal files have equal answers. */
  plan: string;
  /** Names file and plan in the cache; undefined: the answer is not cached. */
  key: string | undefined;
}

/** A computation that has not ended. */
interface Flight {
  wanted: Wanted;
  promise: Promise<Computed>;
  stop: Stop;
  /** Number of requests that wait for it. */
  waiting: number;
}

/** A file is compared with so many others at most: they may be made to differ only at their ends. */
const MOST_COMPARED = 8;
/** Bytes that a cached answer takes in addition to its numbers. */
const ANSWER_OVERHEAD_BYTES = 500;

/**
 * Computes equal answers once: requests for an answer that is being computed wait for it, and a cache of limited size keeps computed
 * answers.
 */
export class SharedAnswers {
  readonly #limit: number;
  /** By plan and length of the file: those that differ at most in the bytes, oldest first. */
  readonly #flights = new Map<string, Flight[]>();
  /** Least recently used first. */
  readonly #cache = new Map<string, Answer>();
  #bytes = 0;

  /** @param cacheBytes limit of the cache; 0: no cache */
  constructor(cacheBytes: number) {
    this.#limit = cacheBytes;
  }

  /** Whether there is a cache. */
  get caches(): boolean {
    return this.#limit > 0;
  }

  /** Bytes in the cache. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The answer for a file.
   * @param signal ends the wait of this request; the computation ends when no request waits for it
   * @param compute called if the answer is neither cached nor being computed; its signal aborts when no request waits for it
   * @throws what `compute` throws, or the signal's reason
   */
  async get(
    wanted: Wanted,
    signal: StopSignal,
    compute: (signal: StopSignal) => Promise<Computed>,
  ): Promise<{ answer: Answer; source: AnswerSource; timings: Timings | undefined }> {
    signal.throwIfAborted();
    const { file, key } = wanted;
    const cached = key === undefined ? undefined : this.#cache.get(key);
    if (cached && key !== undefined) {
      this.#cache.delete(key);
      this.#cache.set(key, cached);
      return { answer: cached, source: 'cached', timings: undefined };
    }
    const alike = this.#flights.get(placeOf(wanted)) ?? [];
    const known = alike.slice(-MOST_COMPARED).find((flight) => flight.wanted.file.equals(file));
    const { answer, timings } = await this.#join(known ?? this.#start(wanted, compute), signal);
    return known ? { answer, source: 'shared', timings: undefined } : { answer, source: 'computed', timings };
  }

  #start(wanted: Wanted, compute: (signal: StopSignal) => Promise<Computed>): Flight {
    const stop = new Stop();
    const promise = compute(stop).then(
      (computed) => {
        this.#land(flight);
        if (wanted.key !== undefined) this.#keep(wanted.key, computed.answer);
        return computed;
      },
      (error: unknown) => {
        this.#land(flight);
        throw error;
      },
    );
    const flight: Flight = { wanted, promise, stop, waiting: 0 };
    const place = placeOf(wanted);
    this.#flights.set(place, [...(this.#flights.get(place) ?? []), flight]);
    return flight;
  }

  #land(flight: Flight): void {
    const place = placeOf(flight.wanted);
    const others = this.#flights.get(place)?.filter((other) => other !== flight) ?? [];
    if (others.length > 0) this.#flights.set(place, others);
    else this.#flights.delete(place);
  }

  async #join(flight: Flight, signal: StopSignal): Promise<Computed> {
    flight.waiting++;
    return await new Promise((resolve, reject) => {
      const onAbort = () => {
        flight.waiting--;
        if (flight.waiting === 0) {
          // The next request for this key starts a new computation.
          this.#land(flight);
          flight.stop.abort(signal.reason);
        }
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      const unfollow = () => signal.removeEventListener('abort', onAbort);
      flight.promise.then(
        (computed) => {
          unfollow();
          resolve(computed);
        },
        (error: unknown) => {
          unfollow();
          reject(error);
        },
      );
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

function placeOf({ file, plan }: Wanted): string {
  return `${file.length} ${plan}`;
}

function answerBytes(key: string, { combined, members }: Answer): number {
  const numbers = [combined.scores, combined.tieBreak, ...members.map(({ probabilities }) => probabilities)];
  return ANSWER_OVERHEAD_BYTES + 2 * key.length + numbers.reduce((sum, values) => sum + (values?.byteLength ?? 0), 0);
}
