import type { Socket } from 'node:net';
import { MenagerieError } from '../../core/errors.js';

/** Slowest accepted rate of an upload, in bytes per second. */
const LEAST_RATE = 1024;
/** The rate is averaged over the longest time of an upload divided by this. */
const WINDOWS = 6;

/**
 * Watches the rate at which data arrives on a connection.
 * @param uploadTimeoutMs longest time of an ordinary upload
 * @param onSlow called with an `upload_timeout` after each window with too low a rate
 * @returns stops watching
 */
export function watchRate(
  socket: Socket,
  uploadTimeoutMs: number,
  onSlow: (error: MenagerieError) => void,
): () => void {
  const windowMs = uploadTimeoutMs / WINDOWS;
  let before = socket.bytesRead;
  let watching = true;
  const timer = setInterval(() => {
    // Data that arrived while this process was busy is read before the immediate runs.
    setImmediate(() => {
      const now = socket.bytesRead;
      if (watching && now - before < (LEAST_RATE * windowMs) / 1000) onSlow(tooSlow(windowMs));
      before = now;
    });
  }, windowMs);
  return () => {
    watching = false;
    clearInterval(timer);
  };
}

function tooSlow(windowMs: number): MenagerieError {
  return new MenagerieError(
    'upload_timeout',
    `The body arrived too slowly: less than ${LEAST_RATE} bytes a second over ${Math.round(windowMs)} ms.`,
  );
}
