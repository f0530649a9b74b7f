import type { Progress, Step } from './transfer-request.js';

/** Milliseconds between two reports of progress within a step. */
const INTERVAL_MS = 200;

/** Measures the steps of a training, and tells how far it is. */
export class StepTimes {
  readonly #tell: (progress: Progress) => void;
  readonly #started = performance.now();
  readonly #steps: { step: Step; begun: number }[] = [];
  #told = Number.NEGATIVE_INFINITY;

  constructor(tell: (progress: Progress) => void) {
    this.#tell = tell;
  }

  begin(step: Step): void {
    this.#steps.push({ step, begun: performance.now() });
    this.#told = Number.NEGATIVE_INFINITY;
    this.progress(0, 0);
  }

  /** @param total 0 if it is not known */
  progress(done: number, total: number, note = ''): void {
    const now = performance.now();
    const { step } = this.#steps.at(-1) ?? {};
    if (step === undefined || (now - this.#told < INTERVAL_MS && (total === 0 || done < total))) return;
    this.#told = now;
    this.#tell({ step, done, total, note });
  }

  /** Milliseconds so far, of all and of each step. */
  get elapsed(): { ms: number; phases: { phase: string; ms: number }[] } {
    const now = performance.now();
    const phases = this.#steps.map(({ step, begun }, i) => ({
      phase: step,
      ms: (this.#steps[i + 1]?.begun ?? now) - begun,
    }));
    return { ms: now - this.#started, phases };
  }
}
