import { MenagerieError } from '../../core/errors.js';
import { type Cost, sumOf } from './cost.js';

export interface AdmissionOptions {
  /** GMAC that may wait or be worked on. */
  capacity: number;
  /** GMAC of one request. */
  limit: number;
  /** How many pieces of work are done at a time. */
  workers: number;
}

/** What a request has taken: it shrinks as its pictures are answered. */
export interface Reservation extends Cost {
  /** Pictures not yet answered. */
  pictures: number;
  /** Gives back what the picture at a place has taken, once. */
  release(place: number): void;
  /** Gives back all that is left. */
  close(): void;
}

/** Bounds the work that waits or is being done, by its cost, so that overload is refused at once instead of queued. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #taken = new Set<Reservation>();

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** GMAC of one request at most. */
  get limit(): number {
    return this.#options.limit;
  }

  /** Pictures admitted and not yet answered. */
  get pending(): number {
    return this.#sum(({ pictures }) => pictures);
  }

  /** Their cost. */
  get pendingGmacs(): number {
    return this.#sum(({ gmacs }) => gmacs);
  }

  /**
   * Milliseconds that a request would wait. Requests take turns, so others delay it by no more than they would take, nor by
   * more than it takes itself.
   */
  waitMs({ ms }: Cost): number {
    return this.#sum((other) => Math.min(other.ms, ms)) / this.#options.workers;
  }

  /** @throws MenagerieError `too_expensive` for what is never taken, however idle the server */
  assertAffordable({ gmacs }: Cost): void {
    if (gmacs <= this.#options.limit) return;
    throw new MenagerieError(
      'too_expensive',
      `The request costs ${shownGmacs(gmacs)} GMAC (billion multiply-accumulates: pictures x views x networks); the limit is ` +
        `${shownGmacs(this.#options.limit)}. Ask for fewer crops, networks or pictures.`,
    );
  }

  /**
   * @param deadlineMs a request that would still be waiting by then is refused now
   * @throws MenagerieError `overloaded` if there is no room
   */
  assertRoom(cost: Cost, deadlineMs: number): void {
    const { capacity, workers } = this.#options;
    const pending = this.pendingGmacs;
    const excess = pending + cost.gmacs - capacity;
    // What may be asked for at all is taken when there is nothing else.
    if (excess > 0 && pending > 0) {
      const pendingMs = this.#sum(({ ms }) => ms);
      const untilRoomMs = (pendingMs * Math.min(1, excess / pending)) / workers;
      throw queueFull(
        `Work of ${shownGmacs(pending)} GMAC waits or is being done, the request costs ${shownGmacs(cost.gmacs)}; there is room for ` +
          `${shownGmacs(capacity)}.`,
        untilRoomMs,
      );
    }
    const waitMs = this.waitMs(cost);
    if (waitMs > deadlineMs) {
      throw queueFull(
        `The request would wait about ${Math.ceil(waitMs)} ms; its deadline is ${deadlineMs} ms.`,
        waitMs - deadlineMs,
      );
    }
  }

  /**
   * Takes room for a request.
   * @param costs of its pictures
   * @throws MenagerieError `too_expensive`, `overloaded`
   */
  reserve(costs: readonly Cost[], deadlineMs: number): Reservation {
    const cost = sumOf(costs);
    this.assertAffordable(cost);
    this.assertRoom(cost, deadlineMs);
    const left = new Map(costs.entries());
    const reservation: Reservation = {
      ...cost,
      pictures: costs.length,
      release: (place) => {
        const own = left.get(place);
        if (!own || !left.delete(place)) return;
        reservation.pictures--;
        reservation.gmacs -= own.gmacs;
        reservation.ms -= own.ms;
        if (left.size === 0) this.#taken.delete(reservation);
      },
      close: () => {
        for (const place of [...left.keys()]) reservation.release(place);
      },
    };
    this.#taken.add(reservation);
    return reservation;
  }

  #sum(of: (reservation: Reservation) => number): number {
    let sum = 0;
    for (const reservation of this.#taken) sum += of(reservation);
    return sum;
  }
}

function queueFull(detail: string, ms: number): MenagerieError {
  return new MenagerieError('overloaded', detail, { retryAfterS: Math.max(1, Math.ceil(ms / 1000)) });
}

/** A number of GMAC for people. */
function shownGmacs(gmacs: number): string {
  return gmacs < 10 ? gmacs.toPrecision(2) : String(Math.round(gmacs));
}
