import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import sharp from 'sharp';
import { vi } from 'vitest';
import type { Picture } from '../../src/core/pixels/picture.js';

// What a test tells scripted-worker.mjs, and what it reads of it.

export const SCRIPTED_WORKER = new URL('./scripted-worker.mjs', import.meta.url);

/** What the scripted worker does with a picture. */
const ACTIONS = {
  /** Answers at once: class `argument` is the most probable. */
  answer: 0,
  /** Answers when the gate of its argument is opened. */
  hold: 1,
  /** The same, but computes all the while, so that it hears nothing. */
  spin: 2,
  /** Blocks for ever. */
  block: 3,
  /** Ends its process. */
  exit: 4,
  /** Throws where nothing catches. */
  crash: 5,
  /** Never answers, though it goes on. */
  ignore: 6,
  /** Answers with an error. */
  fail: 7,
  /** Has a fault in native code. */
  fault: 8,
  /** Stops its process, and answers when that goes on. */
  stop: 9,
  /** Takes so many MiB of memory as its argument says, and answers when the gate of its argument is opened. */
  hoard: 10,
  /** Takes so many MiB for ever, and answers. */
  keep: 12,
  /** Sends what is no answer, of several kinds (see NONSENSE there): which, says its argument. */
  babble: 11,
} as const;
export type Action = keyof typeof ACTIONS;

/**
 * A picture that makes the worker do something; `argument` (0..65535) names it in the worker's log.
 * @param side its width and height
 */
export function instruct(action: Action, argument = 0, side = 8): Picture {
  const data = new Uint8Array(side * side * 3);
  for (let p = 0; p < data.length; p += 3) data.set([ACTIONS[action], argument >> 8, argument & 255], p);
  return { data, width: side, height: side };
}

/** The same as a PNG file. */
export async function instructPng(action: Action, argument = 0, side = 8): Promise<Buffer<ArrayBuffer>> {
  const { data, width, height } = instruct(action, argument, side);
  const png = await sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
  return Buffer.from(png);
}

/** What the scripted worker does when it loads a network. */
export interface LoadScript {
  /** `fail-second`: only the first worker succeeds. `hold`, `hold-fail`: wait for the gate `load`. `block`: hangs. */
  load?: 'ok' | 'fail' | 'fail-second' | 'crash' | 'hold' | 'hold-fail' | 'block';
  /** Number of scores. */
  classes?: number;
  /** Rows that a run takes at most. */
  batch?: number;
  /** What it does with every picture, whatever the picture says. */
  action?: Action;
  /** The probability of the class it answers, 0.9 without it; the others are 0.01. */
  sure?: number;
  /** Networks for which this is equal share a session. */
  session?: string;
  /** Added to the class of every answer: tells one version of the weights from another. */
  offset?: number;
}

/** The weights of a scripted network: how it is steered and watched. */
export class Weights {
  readonly file: string;
  readonly #journal: string | undefined;

  /** @param journal a file in which the pictures that several networks began stand in their order */
  constructor(file: string, script: LoadScript = {}, journal?: string) {
    this.file = file;
    this.#journal = journal;
    this.script(script);
  }

  /** What loading it does from now on. */
  script({ action, ...script }: LoadScript): void {
    const written = { ...script, action: action && ACTIONS[action], journal: this.#journal };
    writeFileSync(this.file, JSON.stringify(written));
  }

  /** Lets go on what waits for the gate. */
  open(gate: number | 'load'): void {
    writeFileSync(`${this.file}.go-${gate}`, '');
  }

  /** What the workers did with it, in order. */
  get log(): string[] {
    return readLines(`${this.file}.log`);
  }

  /** Process ids of the workers that began to load it. */
  get pids(): number[] {
    return readLines(`${this.file}.pids`).map(Number);
  }

  /** The arguments of the pictures that were begun, in order. */
  get begun(): number[] {
    return this.log.flatMap((line) => (line.startsWith('run ') ? [Number(line.slice(4))] : []));
  }

  /** Waits until a worker has begun with the picture. */
  async untilBegun(...pictures: number[]): Promise<void> {
    await until(() => pictures.every((picture) => this.begun.includes(picture)), `${pictures} to be begun`);
  }
}

/** The lines of a file; none where there is no file. */
export function readLines(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
}

/** Waits for a condition that no event tells of. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  await vi.waitFor(
    async () => {
      if (!(await condition())) throw new Error(`waited in vain for ${what}`);
    },
    { timeout: 60_000, interval: 5 },
  );
}
