import type { MenagerieError } from '../../core/errors.js';
import { isHeic } from '../../datasets/image-files.js';
import type { LeftOut } from '../../datasets/walk.js';

/** Counts what became of the files of a run. */
export class Tally {
  #classified = 0;
  #heic = 0;
  readonly #failed = new Map<string, number>();
  readonly #leftOut = new Map<LeftOut, number>();

  /** @param code of the error, if the file failed */
  add(file: string, code: MenagerieError['code'] | string | undefined): void {
    if (code === undefined) {
      this.#classified++;
      return;
    }
    addTo(this.#failed, code);
    if (code === 'unsupported_image_format' && isHeic(file)) this.#heic++;
  }

  leaveOut(reason: LeftOut): void {
    addTo(this.#leftOut, reason);
  }

  get classified(): number {
    return this.#classified;
  }

  get failed(): number {
    return sumOf(this.#failed);
  }

  /** Files that were classified or failed. */
  get done(): number {
    return this.#classified + this.failed;
  }

  get leftOut(): number {
    return sumOf(this.#leftOut);
  }

  /** The lines that say which kinds failed and were left out, and what can be done about it. */
  details(): string {
    const lines = [
      ...(this.failed > 0 ? [`Failed: ${listOf(this.#failed)}.`] : []),
      ...(this.leftOut > 0 ? [`Left out: ${listOf(this.#leftOut)}.`] : []),
      ...(this.#heic > 0 ? [heicHint(this.#heic)] : []),
    ];
    return lines.map((line) => `${line}\n`).join('');
  }
}

function addTo<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function sumOf(counts: ReadonlyMap<unknown, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

function listOf(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([what, count]) => `${count} ${what}`).join(', ');
}

function heicHint(count: number): string {
  return [
    `${count} ${count === 1 ? 'is' : 'are'} HEIC, as iPhones write it. Convert them, then run the same command again:`,
    '  macOS    sips -s format jpeg IMG_1.HEIC --out IMG_1.jpg',
    '  Linux    heif-convert IMG_1.HEIC IMG_1.jpg    (package libheif-examples or libheif-tools)',
    '  Windows  magick IMG_1.HEIC IMG_1.jpg          (winget install ImageMagick.ImageMagick)',
  ].join('\n');
}
