import type { Messages } from './io.js';

const WIDTH = 30;
const INTERVAL_MS = 100;

/** A progress line that is redrawn in place. Draws on terminals only. */
export class ProgressBar {
  readonly #stream: Messages;
  readonly #label: string;
  #drawn = 0;

  constructor(stream: Messages, label: string) {
    this.#stream = stream;
    this.#label = label;
  }

  /** @param note text after the bar, such as a rate */
  update(done: number, total: number, note: string): void {
    const now = Date.now();
    if (!this.#stream.isTTY || (now - this.#drawn < INTERVAL_MS && done < total)) return;
    this.#drawn = now;
    const filled = total > 0 ? Math.min(WIDTH, Math.floor((done / total) * WIDTH)) : 0;
    const bar = `${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)}`;
    const percent = total > 0 ? `${Math.floor((done / total) * 100)}`.padStart(3) : '  0';
    this.#stream.write(`\r\x1b[K${this.#label} ${bar} ${percent} % ${note}`);
  }

  /** Removes the line. */
  clear(): void {
    if (this.#stream.isTTY && this.#drawn > 0) this.#stream.write('\r\x1b[K');
  }
}
