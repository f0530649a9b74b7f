import type { CommandIo } from '../shared/io.js';
import { ProgressBar } from '../shared/progress.js';

/** Milliseconds between lines where there is no terminal: for logs. */
const LINE_MS = 30_000;

/** Shows how far a run is, how fast, and how long it still takes: as a bar on a terminal, else as a line now and then. */
export class FolderProgress {
  readonly #err: CommandIo['err'];
  readonly #bar: ProgressBar;
  readonly #started = Date.now();
  #line = Date.now();
  #now = 0;

  /** @param label what is done, such as `classifying` */
  constructor(err: CommandIo['err'], label: string) {
    this.#err = err;
    this.#bar = new ProgressBar(err, label);
  }

  /**
   * @param done entries that are done
   * @param total undefined while it is not known
   * @param earlier whether an earlier run did the last one: that says nothing about how fast this one is
   */
  update(done: number, total: number | undefined, earlier: boolean): void {
    if (!earlier) this.#now++;
    const rate = (1000 * this.#now) / Math.max(1, Date.now() - this.#started);
    const left = total === undefined || rate === 0 ? '' : `, ${durationText(Math.max(0, total - done) / rate)} left`;
    const note = `${done}${total === undefined ? '' : ` of ${total}`}, ${rate.toFixed(rate < 10 ? 1 : 0)}/s${left}`;
    this.#bar.update(done, total ?? 0, note);
    if (this.#err.isTTY || Date.now() - this.#line < LINE_MS) return;
    this.#line = Date.now();
    this.#err.write(`${note}\n`);
  }

  /** Writes a message above the bar. */
  say(text: string): void {
    this.#bar.clear();
    this.#err.write(text);
  }

  clear(): void {
    this.#bar.clear();
  }
}

function durationText(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
