import { costOfPicture, expectedMs, planFor } from './asking/plan.js';
import type { Question } from './asking/question.js';
import type { Target } from './asking/target.js';
import type { Admission } from './cost/admission.js';
import { type Cost, sumOf } from './cost/cost.js';
import type { Targets } from './targets.js';
import { type Terms, Ticket, type TicketTools } from './ticket.js';

/** What a request would cost, and how long it would take. */
export interface Estimate {
  target: Target;
  cost: Cost;
  limitGmacs: number;
  /** Milliseconds that it would wait now. */
  waitMs: number;
  /** Milliseconds until its answer, the wait included. */
  expectedMs: number;
}

export interface ClassifierOptions extends TicketTools {
  targets: Targets;
  admission: Admission;
  workers: number;
}

/** Admits requests to classify pictures, and estimates them. */
export class Classifier {
  readonly #options: ClassifierOptions;

  constructor(options: ClassifierOptions) {
    this.#options = options;
  }

  /**
   * Admits a request if its models are ready and there is room for its cost. Otherwise its upload need not be read.
   * @returns its ticket, which must be closed
   * @throws MenagerieError from Targets.hold; `too_expensive`, `overloaded`, `invalid_request`
   */
  async admit(question: Question, terms: Terms): Promise<Ticket> {
    const { targets, admission, speed, events } = this.#options;
    const { target, release } = await targets.hold(question.asked);
    try {
      const plan = planFor(question, target);
      const one = costOfPicture(plan, speed.costOf());
      admission.assertAffordable(one);
      admission.assertRoom(one, terms.deadlineMs);
      events.classifyStarted(target.id);
      return new Ticket(plan, terms, this.#options, release);
    } catch (error) {
      release();
      throw error;
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
      return { target, cost, limitGmacs: admission.limit, waitMs, expectedMs: waitMs + all };
    } finally {
      release();
    }
  }
}
