import { MenagerieError } from '../../core/errors.js';
import { type Cost, sumOf } from './cost.js';

export interface AdmissionOptions {
  /** GMAC of all requests that wait or run. */
  capacity: number;
  /** Maximum GMAC of one request. */
  limit: number;
  /** Number of workers. */
  workers: number;
}

/** Pictures not yet answered, and their cost. */
interface Pending extends Cost {
  pictures: number;
}

/** The room that a request takes. It shrinks as pictures are answered. */
export interface Reservation extends Pending {
  /** Releases the room of the picture at this index; no effect if it was released before. */
  release(place: number): void;
  /** Releases all that is left. */
  close(): void;
}

/** Limits the work that waits or runs, by its cost, so that an overloaded server refuses requests instead of queuing them. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #taken = new Set<Reservation>();
  /** Sums over all that is taken, kept because every request asks for them. */
  #pending: Pending = { pictures: 0, gmacs: 0, ms: 0 };

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Maximum GMAC of one request. */
  get limit(): number {
    return this.#options.limit;
  }

  /** Number of admitted pictures without an answer. */
  get pending(): number {
    return this.#pending.pictures;
  }

  /** GMAC of these pictures. */
  get pendingGmacs(): number {
    return this.#pending.gmacs;
  }

  /**
   * Milliseconds that a request would wait. Requests take turns, so each other request delays it by at most the smaller of both
   * durations.
   */
  waitMs({ ms }: Cost): number {
    let sum = 0;
    for (const other of this.#taken) sum += Math.min(other.ms, ms);
    return sum / this.#options.workers;
  }

  /** @throws MenagerieError `too_expensive` for more than one request may cost, even on an idle server */
  assertAffordable({ gmacs }: Cost): void {
    if (gmacs <= this.#options.limit) return;
    throw new MenagerieError(
      'too_expensive',
      `The request costs ${shownGmacs(gmacs)} GMAC (billion multiply-accumulates: pictures x views x networks); the limit is ` +
        `${shownGmacs(this.#options.limit)}. Ask for fewer crops, networks or pictures.`,
    );
  }

  /**
   * Checks that there is room for a request.
   * @param deadlineMs a request that would wait longer is refused
   * @throws MenagerieError `overloaded` if there is no room
   */
  assertRoom(cost: Cost, deadlineMs: number): void {
    const { capacity, workers } = this.#options;
    const { gmacs: pending, ms: pendingMs } = this.#pending;
    const excess = pending + cost.gmacs - capacity;
    // An idle server accepts any request within the limit, even one beyond the capacity.
    if (excess > 0 && pending > 0) {
      const untilRoomMs = (pendingMs * Math.min(1, excess / pending)) / workers;
      throw queueFull(
        `Work of ${shownGmacs(pending)} GMAC waits or is being done, the request costs ${shownGmacs(cost.gmacs)}; there is room for ` +
          `${shownGmacs(capacity)}.`,
        untilRoomMs,
      );
    }
    // It would wait no longer than for all that is pending, which is known at once.
    if (pendingMs / workers <= deadlineMs) return;
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
   * @param costs one for each picture
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
        for (const pending of [reservation, this.#pending]) add(pending, -1, 1, own);
        if (left.size === 0) this.#taken.delete(reservation);
        // Sums of decimal fractions drift; when nothing is pending they are known.
        if (this.#taken.size === 0) this.#pending = { pictures: 0, gmacs: 0, ms: 0 };
      },
      close: () => {
        for (const place of [...left.keys()]) reservation.release(place);
      },
    };
    this.#taken.add(reservation);
    add(this.#pending, 1, costs.length, cost);
    return reservation;
  }
}

/** @param cost of all these pictures */
function add(pending: Pending, sign: 1 | -1, pictures: number, { gmacs, ms }: Cost): void {
  pending.pictures += sign * pictures;
  pending.gmacs += sign * gmacs;
  pending.ms += sign * ms;
}

function queueFull(detail: string, ms: number): MenagerieError {
  return new MenagerieError('overloaded', detail, { retryAfterS: Math.max(1, Math.ceil(ms / 1000)) });
}

/** A number of GMAC for a message. */
function shownGmacs(gmacs: number): string {
  return gmacs < 10 ? gmacs.toPrecision(2) : String(Math.round(gmacs));
}
