import type { Grouping } from './asking/grouping.js';
import { costOfPicture, expectedMs, planFor } from './asking/plan.js';
import { PLAIN_QUESTION, type Question } from './asking/question.js';
import type { Target } from './asking/target.js';
import { type Cost, sumOf } from './cost/cost.js';
import { Ticket, type TicketTools } from './ticket.js';

/** What a request would cost, and how long it would take. */
export interface Estimate {
  target: Target;
  /** The groups whose scores the answer would be; undefined if they are those of classes. */
  grouping: Grouping | undefined;
  cost: Cost;
  limitGmacs: number;
  /** Milliseconds that it would wait now. */
  waitMs: number;
  /** Milliseconds until its answer, the wait included. */
  expectedMs: number;
}

export interface ClassifierOptions extends TicketTools {
  workers: number;
}

/** Opens tickets for requests to classify pictures, and estimates their cost. */
export class Classifier {
  readonly #options: ClassifierOptions;

  constructor(options: ClassifierOptions) {
    this.#options = options;
  }

  /** Opens a ticket for a request. It must be closed. @param uploadMs time for its pictures to arrive; undefined: they have arrived */
  open(uploadMs?: number): Ticket {
    return new Ticket(this.#options, uploadMs);
  }

  /**
   * For a request that says only in its body what it asks: whether there is room for one ordinary picture for the default model.
   * Otherwise its upload need not be read.
   * @throws MenagerieError `overloaded`
   */
  async assertRoom(deadlineMs: number): Promise<void> {
    const { targets, admission, speed } = this.#options;
    // Without a default model there may be others.
    const held = await targets.hold(PLAIN_QUESTION.asked).catch(() => undefined);
    if (!held) return;
    try {
      admission.assertRoom(costOfPicture(planFor(PLAIN_QUESTION, held.target), speed.costOf()), deadlineMs);
    } finally {
      held.release();
    }
  }

  /**
   * Estimates the cost of so many ordinary pictures. Nothing is computed.
   * @throws MenagerieError from Targets.hold; `invalid_request`
   */
  async estimate(question: Question, pictures: number): Promise<Estimate> {
    const { targets, admission, workers, speed } = this.#options;
    const { target, release } = await targets.hold(question.asked);
    try {
      const plan = planFor(question, target);
      const cost = sumOf(Array(pictures).fill(costOfPicture(plan, speed.costOf())));
      const waitMs = admission.waitMs(cost);
      const all = Math.max(expectedMs(plan, workers, speed), cost.ms / workers);
      return { target, grouping: plan.grouping, cost, limitGmacs: admission.limit, waitMs, expectedMs: waitMs + all };
    } finally {
      release();
    }
  }
}
