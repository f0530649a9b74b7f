import { afterAll, expect, onTestFinished } from 'vitest';

/** Runs `stop` at the end of the test that runs, or of the file if none does: what several tests share is started outside them. */
export function atTheEnd(stop: () => unknown): void {
  const inTest = expect.getState().currentTestName !== undefined;
  if (inTest) onTestFinished(async () => void (await stop()));
  else afterAll(async () => void (await stop()));
}
