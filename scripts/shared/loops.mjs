import { setTimeout as sleep } from 'node:timers/promises';

/** What a condition may take to come about, however slow the machine. */
const PATIENCE_MS = 120_000;
const POLL_MS = 5;

/** @param {() => boolean} condition @param {string} what is waited for */
export async function until(condition, what) {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  while (!condition()) {
    if (patience.aborted) throw new Error(`waited too long for ${what}`);
    await sleep(POLL_MS);
  }
}

/**
 * Does pieces of work, so many at a time, until there are none left.
 * @param {number} width @param {() => Promise<void> | undefined} next begins a piece; undefined: none is left
 */
export async function atATime(width, next) {
  const worker = async () => {
    for (let work = next(); work; work = next()) await work;
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/**
 * Keeps so many clients asking, each anew when it has its answer.
 * @param {number} clients @param {() => Promise<boolean>} ask says whether to go on
 * @returns {() => Promise<void>} ends it, and waits for what has been asked
 */
export function keepAsking(clients, ask) {
  let stopped = false;
  const client = async () => {
    while (!stopped && (await ask()));
  };
  const all = Promise.all(Array.from({ length: clients }, client));
  // What goes wrong is told to whoever ends it.
  all.catch(() => {});
  return async () => {
    stopped = true;
    await all;
  };
}
